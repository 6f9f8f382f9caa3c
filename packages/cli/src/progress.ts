import type { StageEvent } from '@slm-compress/compress';
import cliProgress from 'cli-progress';
import pc from 'picocolors';
import { formatBytes, formatSeconds, log, printJson } from './output.ts';
import { panelLines, type StepEvent, type ValidationEvent } from './training-panel.ts';

/** Shows the events of a task; `stop` must be called at the end, also after an error. */
export interface Progress {
  show(event: StageEvent): void;
  stop(): void;
}

export interface ProgressOptions {
  /** Every event as one line of JSON on stdout instead. */
  readonly json: boolean;
  /** A panel instead of a bar while a model trains; elsewhere than on a terminal, plain lines that say more. */
  readonly watch?: boolean;
  /** Milliseconds between two plain lines of one stage. */
  readonly intervalMs?: number;
}

/** Bars on a terminal, plain lines every few seconds elsewhere; both on stderr. */
export function createProgress({ json, watch = false, intervalMs = 3000 }: ProgressOptions): Progress {
  if (json) return { show: (event) => printJson(event), stop: () => undefined };
  if (!process.stderr.isTTY) return lineProgress(intervalMs, watch);
  return watch ? panelProgress(barProgress()) : barProgress();
}

function barProgress(): Progress {
  let bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  let title = '';
  const end = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    stop: end,
    show(event) {
      const now = status(event);
      if (now === undefined) {
        const line = headline(event);
        if (line === undefined) return;
        end();
        log(line);
        return;
      }
      if (bar === undefined || title !== now.title) {
        end();
        title = now.title;
        bar = new cliProgress.SingleBar({
          format: '  {title} {bar} {percentage}% {detail}',
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
          stopOnComplete: false,
          stream: process.stderr,
          barCompleteChar: '█',
          barIncompleteChar: '░',
        });
        bar.start(now.total || 1, now.done, { title, detail: now.detail });
        return;
      }
      bar.setTotal(now.total || 1);
      bar.update(now.done, { title, detail: now.detail });
    },
  };
}

/** Shows trainings as panels, and all else by `others`. */
function panelProgress(others: Progress): Progress {
  let steps: StepEvent[] = [];
  let validations: ValidationEvent[] = [];
  let drawn = 0;
  let last = 0;
  const erase = () => {
    if (drawn > 0) process.stderr.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    const { rss: memoryBytes } = process.memoryUsage();
    const lines = panelLines({ steps, validations, memoryBytes }, (process.stderr.columns ?? 80) - 1);
    erase();
    process.stderr.write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
    last = Date.now();
  };
  return {
    show(event) {
      if (event.kind !== 'train') {
        if (event.kind === 'stage-start') [steps, validations] = [[], []];
        erase();
        others.show(event);
        return;
      }
      const { event: told } = event;
      if (told.kind === 'step') {
        others.stop();
        steps.push(told);
        if (Date.now() - last > 200) draw();
      } else if (told.kind === 'validation') {
        validations.push(told);
        erase();
        others.show(event);
        draw();
      } else if (told.kind === 'resumed') others.show(event);
    },
    stop() {
      if (steps.length > 0 && drawn > 0) draw();
      others.stop();
    },
  };
}

function lineProgress(intervalMs: number, watch: boolean): Progress {
  let last = 0;
  return {
    stop: () => undefined,
    show(event) {
      const now = status(event);
      if (now === undefined) {
        const line = headline(event);
        if (line !== undefined) log(line);
        if (event.kind === 'stage-start') last = Date.now();
        return;
      }
      if (Date.now() - last < intervalMs) return;
      last = Date.now();
      const part = now.total > 0 ? `${now.done}/${now.total}` : `${now.done}`;
      const more = watch ? watchedFigures(event) : '';
      log(`  ${now.title} ${part} ${now.detail}${more}`.trimEnd());
    },
  };
}

function watchedFigures(event: StageEvent): string {
  if (event.kind !== 'train' || event.event.kind !== 'step') return '';
  const { learningRate, gradientNorm } = event.event;
  const memory = formatBytes(process.memoryUsage().rss);
  return `  rate ${learningRate.toExponential(2)}  gradient norm ${gradientNorm.toFixed(3)}  ${memory}`;
}

interface Status {
  readonly title: string;
  readonly done: number;
  readonly total: number;
  readonly detail: string;
}

/** What an event says about how far the work is; undefined for events that are lines of their own. */
function status(event: StageEvent): Status | undefined {
  if (event.kind === 'progress') return { title: event.phase, done: event.done, total: event.total, detail: '' };
  if (event.kind !== 'train' || event.event.kind !== 'step') return undefined;
  const { step, totalSteps, loss, usefulTokensPerSecond, etaMs } = event.event;
  const speed = `${Math.round(usefulTokensPerSecond).toLocaleString('en')} tokens/s`;
  const detail = `loss ${loss.toFixed(4)}  ${speed}  ${formatSeconds(etaMs / 1000)} left`;
  return { title: 'step', done: step, total: totalSteps, detail };
}

/** The line an event prints, if any. */
function headline(event: StageEvent): string | undefined {
  switch (event.kind) {
    case 'stage-start':
      return [
        pc.bold(`[${event.index + 1}/${event.count}] ${event.stage}`),
        ...(event.stageKind === event.stage ? [] : [pc.dim(event.stageKind)]),
      ].join(' ');
    case 'stage-end': {
      const figures = Object.entries(event.metrics).map(([name, value]) => `${name} ${formatFigure(value)}`);
      const took = event.status === 'cached' ? 'unchanged' : `done in ${formatSeconds(event.seconds)}`;
      return `  ${pc.green('✓')} ${took}${figures.length === 0 ? '' : `  ${pc.dim(figures.join('  '))}`}`;
    }
    case 'note':
      return `  ${event.message}`;
    case 'train':
      if (event.event.kind === 'validation') {
        const { epoch, validationLoss, metrics, best } = event.event;
        const figures = Object.entries(metrics).map(([name, value]) => `, ${name} ${value.toFixed(4)}`);
        return `  epoch ${epoch}: validation loss ${validationLoss.toFixed(4)}${figures.join('')}${best ? ' (best)' : ''}`;
      }
      return event.event.kind === 'resumed' ? `  goes on from step ${event.event.step}` : undefined;
    default:
      return undefined;
  }
}

function formatFigure(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(4);
}
