/** Takes an ICY body apart as a player does, by counting bytes: the audio, and the blocks that stood in it. */
export type IcyBlock = {
  /** Bytes of audio before it. */
  readonly at: number;
  /** With its length byte. */
  readonly bytes: Buffer;
  /** Without its padding; empty when the title did not change. */
  readonly text: string;
};

export type IcyBody = { readonly audio: Buffer; readonly blocks: readonly IcyBlock[] };

/** Reads a body that is cut anywhere. */
export class IcyReader {
  /** Whole blocks, in order. */
  readonly blocks: IcyBlock[] = [];
  audioBytes = 0;
  readonly #metaint: number;
  readonly #onAudio: (audio: Uint8Array) => void;
  readonly #onBlock: ((block: IcyBlock) => void) | undefined;
  #untilBlock: number;
  #block: Buffer | undefined;

  /** @param onBlock told of each block, instead of its being kept */
  constructor(metaint: number, onAudio: (audio: Uint8Array) => void, onBlock?: (block: IcyBlock) => void) {
    this.#metaint = metaint;
    this.#untilBlock = metaint;
    this.#onAudio = onAudio;
    this.#onBlock = onBlock;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#untilBlock > 0) {
        const audio = bytes.subarray(at, at + this.#untilBlock);
        this.#onAudio(audio);
        this.audioBytes += audio.length;
        this.#untilBlock -= audio.length;
        at += audio.length;
        continue;
      }
      const had: Buffer = this.#block ?? Buffer.alloc(0);
      const length = 1 + (had[0] ?? bytes[at]!) * 16;
      const piece = bytes.subarray(at, at + length - had.length);
      at += piece.length;
      this.#block = Buffer.concat([had, piece]);
      if (this.#block.length === length) this.#endBlock(this.#block);
    }
  }

  #endBlock(bytes: Buffer): void {
    const text = bytes.toString('utf8', 1).replace(/\0+$/, '');
    const block = { at: this.audioBytes, bytes, text };
    if (this.#onBlock) this.#onBlock(block);
    else this.blocks.push(block);
    this.#block = undefined;
    this.#untilBlock = this.#metaint;
  }
}

/** All of it at once; a block whose bytes have not all come is left out. */
export function readIcyBody(body: Buffer, metaint: number): IcyBody {
  const audio: Uint8Array[] = [];
  const reader = new IcyReader(metaint, (piece) => audio.push(piece));
  reader.push(body);
  return { audio: Buffer.concat(audio), blocks: reader.blocks };
}

/** The titles of the blocks that say one, in order. */
export function titlesOf(blocks: readonly IcyBlock[]): string[] {
  return blocks.flatMap(({ text }) => /^StreamTitle='(.*?)';/s.exec(text)?.[1] ?? []);
}
