/** The elements of Matroska that streaming must tell apart (RFC 9559 §5.1), by where they may stand. */

export const matroskaIds = {
  ebml: 0x1a45dfa3,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  info: 0x1549a966,
  tracks: 0x1654ae6b,
  cues: 0x1c53bb6b,
  chapters: 0x1043a770,
  attachments: 0x1941a469,
  tags: 0x1254c367,
  cluster: 0x1f43b675,
  void: 0xec,
  crc32: 0xbf,
  timecode: 0xe7,
  silentTracks: 0x5854,
  position: 0xa7,
  prevSize: 0xab,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
} as const;

/** What may stand in a Segment besides clusters. */
export const segmentParts: ReadonlySet<number> = new Set([
  matroskaIds.seekHead,
  matroskaIds.info,
  matroskaIds.tracks,
  matroskaIds.cues,
  matroskaIds.chapters,
  matroskaIds.attachments,
  matroskaIds.tags,
]);
/** What may stand anywhere and says nothing. */
export const padding: ReadonlySet<number> = new Set([matroskaIds.void, matroskaIds.crc32]);
/** What a cluster says about itself. */
export const clusterFields: ReadonlySet<number> = new Set([
  matroskaIds.timecode,
  matroskaIds.silentTracks,
  matroskaIds.position,
  matroskaIds.prevSize,
]);
/** What holds sound. */
export const blocks: ReadonlySet<number> = new Set([matroskaIds.simpleBlock, matroskaIds.blockGroup]);
