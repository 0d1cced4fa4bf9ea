/**
 * A page of a real browser, as far as tests of the player drive one. Firefox speaks WebDriver
 * BiDi and WebKit the older WebDriver: firefox-browser.ts and webkit-browser.ts say the same
 * in both.
 */
export interface DrivenPage {
  /** Resolves when the page is loaded. */
  open(url: string): Promise<void>;
  /** The value of an expression of the page, awaited; what JSON carries. @throws what the page throws */
  evaluate<T>(expression: string): Promise<T>;
  /** Presses the middle of an element as a mouse does, which browsers take as the wish of a person. */
  press(selector: string): Promise<void>;
}
