/**
 * Subjects and patterns of the bus: dot-separated tokens as NATS has them, where in a
 * pattern `*` stands for exactly one token and a final `>` for one or more. A wildcard
 * is always a whole token here, so that a subject can never be mistaken for a pattern.
 */
const maxSubjectLength = 2048;
const tokens = /^[^\s.*>\u0000-\u001f\u007f]+(?:\.[^\s.*>\u0000-\u001f\u007f]+)*$/;
const patternTokens =
  /^(?:>|(?:\*|[^\s.*>\u0000-\u001f\u007f]+)(?:\.(?:\*|[^\s.*>\u0000-\u001f\u007f]+))*(?:\.>)?)$/;
const dot = 0x2e;
const star = 0x2a;
const rest = 0x3e;

/** True for what can be published to. */
export function isSubject(text: string): boolean {
  return text.length <= maxSubjectLength && tokens.test(text);
}

/** True for what can be subscribed to: every subject is a pattern, too. */
export function isSubjectPattern(text: string): boolean {
  return text.length <= maxSubjectLength && patternTokens.test(text);
}

/** Whether a valid pattern covers a valid subject. Walks both once and allocates nothing. */
export function subjectMatches(pattern: string, subject: string): boolean {
  let at = 0;
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i);
    if (at >= subject.length) return false;
    if (code === rest) return true;
    if (code === star) {
      while (at < subject.length && subject.charCodeAt(at) !== dot) at++;
    } else if (code === subject.charCodeAt(at)) {
      at++;
    } else {
      return false;
    }
  }
  return at === subject.length;
}
