import type { JSX } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';

import type { CategoryAnswer } from '../api.js';
import { addressOf } from './address.js';
import { AsTable } from './as-table.js';
import { copy } from './mutes.js';
import { ThresholdForm } from './threshold-form.js';
import { useWidth } from './use-width.js';
import { gridValues, leap, RootScale, stepAt } from './threshold-scale.js';
import { Who } from './who.js';
import { count, length, many, nameOf } from './words.js';

const HEIGHT = 132;
/** Space above the highest bar, so that a line at the top can still be dragged. */
const TOP = 14;
const MAX_BAR = 26;
const HEADROOM = 1.5;
/** Space to the right of the bars, for the numbers. */
const GUTTER = 44;

/** Tenants by their busiest window, with a line to try other thresholds. */
export function ThresholdLine({ answer, canSet }: { answer: CategoryAnswer; canSet: boolean }): JSX.Element {
  const { tenants, advice, category, active } = answer;
  const present = advice.threshold;
  const [trial, setTrial] = useState<number>();
  const line = trial ?? present ?? advice.suggestion?.threshold ?? Math.max(1, advice.percentiles.p99);
  // Only a typed value extends the scale. If the scale followed the dragged line, it would move away from the pointer.
  const [typed, setTyped] = useState(1);
  const max = Math.max(tenants[0]?.peak ?? 0, (present ?? 0) * HEADROOM, advice.suggestion?.threshold ?? 0, typed, 4);
  const scale = useMemo(() => new RootScale(max, HEIGHT), [max]);
  const at = stepAt(advice.curve, line);
  const now = present === undefined ? undefined : stepAt(advice.curve, present);
  return (
    <div class="ladder">
      <Bars answer={answer} line={line} scale={scale} onMove={setTrial} />
      <p class="verdict" aria-live="polite">
        At{' '}
        <input
          class="trial"
          type="number"
          min={1}
          step={1}
          aria-label={`Trial threshold of ${category.name}`}
          value={line}
          onInput={(event) => {
            const value = event.currentTarget.valueAsNumber;
            if (!(value >= 1)) return;
            setTyped(Math.round(value));
            setTrial(Math.round(value));
          }}
        />
        : <b>{many(at.alerts, 'alert')}</b> in 24 h, <b>{many(at.tenants, 'tenant')}</b>.
        {now !== undefined && line !== present && (
          <>
            {' '}
            Now, at {count(present ?? 0)}: {many(now.alerts, 'alert')}, {many(now.tenants, 'tenant')}.
          </>
        )}
      </p>
      {advice.suggestion && advice.suggestion.threshold !== line && (
        <p class="dim">
          <button type="button" class="link" onClick={() => setTrial(advice.suggestion?.threshold)}>
            Try {count(advice.suggestion.threshold)}
          </button>{' '}
          {advice.suggestion.reason}
        </p>
      )}
      <p class="variable">
        <code>
          {category.variable}={line}
        </code>
        <button type="button" class="quiet" onClick={() => void copy(`${category.variable}=${line}`)}>
          Copy
        </button>
        {trial !== undefined && trial !== present && (
          <button type="button" class="quiet" onClick={() => setTrial(undefined)}>
            Reset
          </button>
        )}
      </p>
      {canSet && (
        <ThresholdForm
          category={category.name}
          threshold={line}
          picked={trial}
          override={answer.override}
          now={answer.now}
        />
      )}
      {advice.alwaysOver.length > 0 && (
        <p class="dim">
          Almost always over:{' '}
          {advice.alwaysOver.slice(0, 3).map(({ tenant, p95 }, i) => (
            <>
              {i > 0 && ', '}
              <a href={addressOf({ category: category.name, tenant: tenant.id })}>
                <bdi>{nameOf(tenant)}</bdi>
              </a>{' '}
              (p95 {count(p95)})
            </>
          ))}
          . A threshold of their own fits them better.
        </p>
      )}
      <AsTable
        caption={`${category.name}: tenants by their busiest ${length(advice.windowMs)} of the last 24 hours${active > tenants.length ? `, the first ${tenants.length} of ${count(active)}` : ''}`}
        columns={['Tenant', 'Busiest', 'Threshold', 'Total']}
        rows={() =>
          tenants.map((entry) => [
            <Who tenant={entry.tenant} category={category.name} />,
            count(entry.peak),
            count(entry.threshold),
            count(entry.total),
          ])
        }
      />
    </div>
  );
}

interface BarsProps {
  answer: CategoryAnswer;
  line: number;
  scale: RootScale;
  onMove: (line: number) => void;
}

function Bars({ answer: { tenants, advice, category }, line, scale, onMove }: BarsProps): JSX.Element {
  const [box, width] = useWidth();
  const [pointed, setPointed] = useState<number>();
  const grip = useRef<{ pointerY: number; lineY: number } | undefined>(undefined);
  const plot = width - GUTTER;
  const step = Math.min(MAX_BAR, plot / Math.max(tenants.length, 1));
  const gap = step > 4 ? 1.5 : step > 2 ? 0.5 : 0;
  const max = Math.max(1, Math.ceil(scale.max));
  const move = (to: number): void => onMove(Math.min(max, Math.max(1, Math.round(to))));

  const columns = (isOver: boolean): string =>
    tenants
      .map(({ peak }, i) => {
        if (peak > line !== isOver) return '';
        const top = Math.min(scale.y(peak), HEIGHT - 1);
        return `M${(i * step).toFixed(2)} ${HEIGHT}V${top.toFixed(2)}h${Math.max(step - gap, 0.5).toFixed(2)}V${HEIGHT}Z`;
      })
      .join('');
  const under = pointed === undefined ? undefined : tenants[pointed];
  const keys: Record<string, number> = {
    ArrowUp: line + 1,
    ArrowRight: line + 1,
    ArrowDown: line - 1,
    ArrowLeft: line - 1,
    PageUp: line + leap(line),
    PageDown: line - leap(line),
    Home: 1,
    End: max,
  };
  const at = stepAt(advice.curve, line);
  return (
    <div class="bars" ref={box}>
      <svg
        width={width}
        height={HEIGHT + TOP}
        viewBox={`0 ${-TOP} ${width} ${HEIGHT + TOP}`}
        role="img"
        aria-label={`${many(tenants.length, 'tenant')} of ${category.name} by their busiest ${length(advice.windowMs)}`}
        onPointerMove={(event) => {
          const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
          setPointed(Math.floor(x / step));
        }}
        onPointerLeave={() => setPointed(undefined)}
        onClick={() => {
          if (under) location.hash = addressOf({ category: category.name, tenant: under.tenant.id });
        }}
      >
        {gridValues(scale).map((value) => (
          <line key={value} class="grid" x1="0" x2={plot} y1={scale.y(value)} y2={scale.y(value)} />
        ))}
        <path class="under" d={columns(false)} />
        <path class="over" d={columns(true)} />
        {gridValues(scale).map((value) => (
          <text key={value} x={width - 8} y={scale.y(value) + 3} text-anchor="end">
            {count(value)}
          </text>
        ))}
        {advice.threshold !== undefined && advice.threshold !== line && (
          <line class="present" x1="0" x2={plot} y1={scale.y(advice.threshold)} y2={scale.y(advice.threshold)} />
        )}
      </svg>
      <div
        class="line"
        style={{ top: `${TOP + scale.y(line)}px` }}
        role="slider"
        tabIndex={0}
        aria-orientation="vertical"
        aria-label={`Threshold line of ${category.name}`}
        aria-valuemin={1}
        aria-valuemax={max}
        aria-valuenow={line}
        aria-valuetext={`${count(line)}: ${many(at.alerts, 'alert')} in 24 hours, ${many(at.tenants, 'tenant')}`}
        onKeyDown={(event) => {
          const to = keys[event.key];
          if (to === undefined) return;
          event.preventDefault();
          move(to);
        }}
        onPointerDown={(event) => {
          event.preventDefault();
          event.currentTarget.focus();
          event.currentTarget.setPointerCapture(event.pointerId);
          grip.current = { pointerY: event.clientY, lineY: scale.y(line) };
        }}
        onPointerMove={(event) => {
          if (!grip.current) return;
          move(scale.value(grip.current.lineY + event.clientY - grip.current.pointerY));
        }}
        onPointerUp={() => (grip.current = undefined)}
        onPointerCancel={() => (grip.current = undefined)}
      >
        <span class="grip">{count(line)}</span>
      </div>
      <p class="readout">
        {under ? (
          <>
            <bdi>{nameOf(under.tenant)}</bdi>: busiest {count(under.peak)}, {count(under.total)} in all
          </>
        ) : (
          `each tenant's busiest ${length(advice.windowMs)}, highest first`
        )}
      </p>
    </div>
  );
}
