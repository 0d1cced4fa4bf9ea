/**
 * How a rendition's window is kept in the store, and how whoever packages next goes on from it.
 *
 * Two documents, because the window changes with each segment and what is being made with each
 * part: `<mountId>.<rendition>` is the window, `<mountId>.<rendition>.open` the segment under way.
 */
import { checkHlsWindow } from './hls-message.ts';
import { applyChange, type HlsWindow, nextMsn, type OpenSegment } from './hls-window.ts';

const numbersBeginMs = Date.UTC(2026, 0, 1);

export type StoredOpen = {
  readonly epoch: number;
  readonly revision: number;
  /** The revision of the stored window that it adds to: another one may not have reached the store. */
  readonly baseRevision: number;
  readonly open: OpenSegment;
};

export function hlsGroup(mountId: string, rendition: string): string {
  return `${mountId}.${rendition}`;
}

export function openDocumentId(group: string): string {
  return `${group}.open`;
}

/** Joins the two documents; undefined where the first is none. */
export function joinStoredWindow(window: unknown, open: unknown): HlsWindow | undefined {
  const base = checkHlsWindow(window);
  if (!base) return undefined;
  const { epoch, revision, baseRevision, open: segment } = (open ?? {}) as Partial<StoredOpen>;
  if (epoch !== base.epoch || baseRevision !== base.revision) return base;
  if (!segment || !Number.isSafeInteger(revision) || revision! <= base.revision) return base;
  const joined = { ...base, revision, open: segment };
  return checkHlsWindow(joined) ?? base;
}

/** The newer of two copies of one window. */
export function newerWindow(a: HlsWindow | undefined, b: HlsWindow | undefined): HlsWindow | undefined {
  if (!a || !b) return a ?? b;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b;
  return a.revision >= b.revision ? a : b;
}

/**
 * The window with its open segment completed, for the packager that goes on: what players were
 * told of it stays as it was.
 * The segment is named after `epoch`: should the packager before not be dead, it makes another one
 * under its own name.
 * @param isWhole every part of it is still at hand; a segment that is not whole becomes a gap
 */
export function completeOpen(window: HlsWindow, isWhole: boolean, epoch: number): HlsWindow {
  if (!window.open) return window;
  if (window.open.parts.length === 0) return { ...window, open: undefined };
  const closed = applyChange(window, { type: 'segment' });
  const last = closed.segments.at(-1)!;
  const completed = isWhole
    ? { ...last, epoch, partEpoch: last.epoch }
    : { ...last, parts: window.partTargetS > 0 ? last.parts : [], gap: true };
  return { ...closed, segments: [...closed.segments.slice(0, -1), completed] };
}

/** The window without its segments, whose numbers are used up all the same. */
export function forgetSegments(window: HlsWindow): HlsWindow {
  const discontinuities = window.segments.filter(({ discontinuity }) => discontinuity).length;
  return {
    ...window,
    firstMsn: nextMsn(window),
    discontinuitySequence: window.discontinuitySequence + discontinuities,
    segments: [],
    titles: window.titles.slice(-1),
  };
}

/**
 * The numbers of a window where nothing is known of one before: by the wall clock, so that they
 * do not go back. Segments are numbered by the quarter seconds since 2026, far faster than they
 * can follow each other and small enough for those who count in 32 bits; discontinuities by tens
 * of minutes, because hls.js keeps an array as long as that number and copies it at each.
 */
export function freshNumbers(wallMs: number): Pick<HlsWindow, 'firstMsn' | 'discontinuitySequence'> {
  const sinceMs = Math.max(0, wallMs - numbersBeginMs);
  return {
    firstMsn: Math.floor(sinceMs / 250),
    discontinuitySequence: Math.floor(sinceMs / 600_000),
  };
}

/** The window of which it is known that others followed it, but not with what numbers. */
export function skipAhead(window: HlsWindow, wallMs: number): HlsWindow {
  const forgotten = forgetSegments(window);
  const fresh = freshNumbers(wallMs);
  return {
    ...forgotten,
    firstMsn: Math.max(forgotten.firstMsn, fresh.firstMsn),
    discontinuitySequence: Math.max(forgotten.discontinuitySequence, fresh.discontinuitySequence),
  };
}
