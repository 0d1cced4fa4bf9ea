/**
 * Keeps one copy of texts that many listeners share, such as user agents. What comes out of
 * a request head is a slice that holds the whole head in memory; a kept text is a copy
 * of its own. Bounded: when full it starts anew, and texts in use stay with their users.
 */
const maxTexts = 4096;
const maxLength = 512;

export class TextTable {
  readonly #texts = new Map<string, string>();

  keep(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const copy = Buffer.from(text.slice(0, maxLength), 'utf8').toString('utf8');
    if (this.#texts.size >= maxTexts) this.#texts.clear();
    this.#texts.set(copy, copy);
    return copy;
  }
}
