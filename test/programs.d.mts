/** Types of programs.mjs, which is plain JavaScript because it runs on older Nodes too. */
export type Program = {
  readonly name: string;
  readonly debian: string;
  readonly use: string;
  readonly also?: readonly string[];
};

export declare const programs: readonly Program[];
/** The full path of a program of the table, or undefined when it is not installed. Throws for other names. */
export declare function findProgram(name: string): string | undefined;
/** Those of `names` that are not installed. */
export declare function requirePrograms(names: readonly string[]): { missing: string[] };
/** A reason to skip, or false when every program is here. */
export declare function missingProgram(...names: string[]): string | false;
/** Finds every program, installs what it may, and says what remains missing. */
export declare function ensurePrograms(say: (line: string) => void): Promise<void>;
