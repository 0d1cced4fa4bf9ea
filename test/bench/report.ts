/** Results as tables in Markdown, for the terminal and for the documents alike. */
import { type FigureName, figureNames } from './figure-names.ts';
import type { Machine } from './machine.ts';
import type { Correctness, ScenarioResult, ServerResult } from './result.ts';
import { scenarios } from './scenario-table.ts';
import { type ServerName, serverLabels } from './servers/bench-server.ts';
import type { Spread } from './statistics.ts';

const names: readonly ServerName[] = ['ours', 'edge', 'icecast', 'nginx', 'sendLoop'];

export function renderResult(result: ScenarioResult): string {
  const shown = names.filter((name) => result[name]);
  const scenario = scenarios.find(({ name }) => name === result.scenario);
  const parts = [
    `## ${result.scenario}`,
    `${scenario?.summary ?? ''}: ${result.listeners} ${scenario?.audience ?? 'listeners'}, ${roundsOf(result)} for each server.`,
    figureTable(result, shown),
    ratioLines(result),
    ...shown.flatMap((name) => correctnessLine(name, result[name]!)),
    ...Object.entries(result.unavailable).map(
      ([name, reason]) => `Without ${serverLabels[name as ServerName]}: ${reason}.`,
    ),
    budgetTable(result),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

export function renderMachine(machine: Machine): string {
  const { processor, cores, memoryGb, kernel, distribution, node, isPinned, loadBefore } = machine;
  const place = isPinned
    ? 'server and clients each on a core of their own'
    : 'server and clients not held apart';
  return `${processor}, ${cores} cores, ${memoryGb} GB; ${distribution}, ${kernel}; Node ${node}; ${place}; load before the run ${loadBefore}.`;
}

function figureTable(result: ScenarioResult, shown: readonly ServerName[]): string {
  const keys = new Set(shown.flatMap((name) => Object.keys(result[name]!.spread)));
  const head = ['', ...shown.map((name) => `${serverLabels[name]} ${result[name]!.version}`)];
  const rows = [...keys].map((key) => {
    const figure = figureNames[key] ?? { label: key, unit: '' };
    const label = figure.unit === '' ? figure.label : `${figure.label} (${figure.unit})`;
    return [label, ...shown.map((name) => cell(result[name]!, key, figure))];
  });
  return table(head, rows);
}

function roundsOf({ rounds, windowSeconds }: ScenarioResult): string {
  const count = rounds === 1 ? 'one round' : `${rounds} rounds`;
  return windowSeconds === null ? count : `${count} of ${windowSeconds} s`;
}

/** The median, and the range of the rounds where they differ. */
function cell(server: ServerResult, key: string, { scale = 1 }: FigureName): string {
  const value = server[key];
  const range = server.spread[key];
  if (typeof value !== 'number' || !range) return '–';
  const text = formatNumber(value * scale);
  return range.rounds.length > 1 && range.min !== range.max ? `${text} ${formatRange(range, scale)}` : text;
}

function ratioLines(result: ScenarioResult): string {
  const label = figureNames[result.headline]?.label ?? result.headline;
  const line = (name: ServerName, ratio: number | null) => {
    const range = result.ratioSpread[name];
    if (ratio === null || !range) return [];
    const among = range.rounds.length > 1 ? ` ${formatRange(range)}` : '';
    return [`${label}, LegacyStream to ${serverLabels[name]}: **${formatNumber(ratio)}**${among}.`];
  };
  const lines = [
    ...line('icecast', result.ratio),
    ...line('nginx', result.ratio),
    ...line('sendLoop', result.ratioToSendLoop),
  ];
  return lines.join('\n');
}

function correctnessLine(name: ServerName, { correctness, slowCorrectness }: ServerResult): string[] {
  const line = (found: Correctness | undefined, whose: string) => {
    if (!found) return [];
    const { frames, lostFrames, doubledFrames, tornBytes, badBlocks, titles, dropped } = found;
    const blocks = titles + badBlocks > 0 ? `, ${badBlocks} of ${titles + badBlocks} title blocks wrong` : '';
    return [
      `Checked at ${whose} of ${serverLabels[name]}: ${frames} frames, ${lostFrames} lost, ${doubledFrames} doubled, ${tornBytes} torn bytes${blocks}, ${dropped} dropped.`,
    ];
  };
  return [...line(correctness, 'listeners'), ...line(slowCorrectness, 'slow listeners')];
}

function budgetTable({ budgets }: ScenarioResult): string {
  if (budgets.length === 0) return '';
  const rows = budgets.map(({ what, value, limit, isAtLeast, unit, isMet }) => {
    const scale = unit === 'bytes' ? 1 / 1_024 : 1;
    const shown = unit === 'bytes' ? 'KiB' : unit;
    const text = (amount: number) => `${formatNumber(amount * scale)} ${shown}`.trim();
    return [what, text(value), `${isAtLeast ? '≥' : '≤'} ${text(limit)}`, isMet ? 'met' : '**missed**'];
  });
  return table(['budget', 'measured', 'limit', ''], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

function formatRange({ min, max }: Spread, scale = 1): string {
  return `(${formatNumber(min * scale)}–${formatNumber(max * scale)})`;
}

function formatNumber(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)).toLocaleString('en-US', { maximumFractionDigits: 2 });
}
