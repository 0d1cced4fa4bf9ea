/** placeholder until counted */
export class HlsSessions {
  newToken(_mountPath: string): string | undefined {
    return undefined;
  }
  visit(_visit: unknown): { session: undefined } | { refused: 403 | 503; reason: string } {
    return { session: undefined };
  }
  sent(_socket: unknown, _mountPath: string, _bytes: number): void {}
}
