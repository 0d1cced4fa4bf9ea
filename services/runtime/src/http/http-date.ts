/** `Sun, 22 Nov 2026 13:33:07 GMT` (RFC 9110 §5.6.7), made once a second. */
let second = -1;
let text = '';

export function httpDate(nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
