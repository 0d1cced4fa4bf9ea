/** Takes an ICY body apart: the audio, and the metadata blocks that stood in it. */
export type IcyBlock = {
  /** Bytes of audio before it. */
  readonly at: number;
  /** Without its padding; empty when the title did not change. */
  readonly text: string;
};

export type IcyBody = { readonly audio: Buffer; readonly blocks: readonly IcyBlock[] };

/** A block whose bytes have not all come is left out, as is the audio after it. */
export function readIcyBody(body: Buffer, metaint: number): IcyBody {
  const audio: Buffer[] = [];
  const blocks: IcyBlock[] = [];
  let at = 0;
  let audioBytes = 0;
  while (at < body.length) {
    const piece = body.subarray(at, at + metaint);
    audio.push(piece);
    audioBytes += piece.length;
    at += metaint;
    const length = (body[at] ?? 0) * 16;
    if (at >= body.length || at + 1 + length > body.length) break;
    const text = body.subarray(at + 1, at + 1 + length);
    blocks.push({ at: audioBytes, text: text.toString('utf8').replace(/\0+$/, '') });
    at += 1 + length;
  }
  return { audio: Buffer.concat(audio), blocks };
}

/** The titles of the blocks that say one, in order. */
export function titlesOf(blocks: readonly IcyBlock[]): string[] {
  return blocks.flatMap(({ text }) => /^StreamTitle='(.*?)';/s.exec(text)?.[1] ?? []);
}
