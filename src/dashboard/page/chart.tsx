import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';

import { clock } from './words.js';

/** The series to draw, all with the same times. */
export interface ChartData {
  /** Milliseconds since the epoch, ascending. */
  times: number[];
  values: number[];
  /** Points to mark on the line, as indexes into `times`. */
  marks?: number[];
  /** A horizontal line. */
  threshold?: number;
}

interface ChartProps {
  data: ChartData;
  height: number;
  /** Description for screen readers. The numbers are in the table next to the chart. */
  label: string;
  /** Small charts have no vertical axis. */
  axis?: boolean;
  /** Text for the point under the pointer. */
  readout: (index: number) => string;
  /** Text while the pointer is elsewhere. */
  caption: string;
}

/** Counts over time on a canvas. Drag to zoom in, double-click to reset. */
export function Chart(props: ChartProps): JSX.Element {
  const dark = useDark();
  const box = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const colours = getComputedStyle(element);
    const colour = (name: string): string => colours.getPropertyValue(`--${name}`).trim();
    const say = (index: number | null | undefined): void => {
      const { readout: words, caption } = latest.current;
      if (readout.current) readout.current.textContent = typeof index === 'number' ? words(index) : caption;
    };
    const made = new uPlot(
      optionsOf(latest.current, element.clientWidth || 320, colour, say),
      columnsOf(latest.current.data),
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: latest.current.height });
    });
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [dark]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    // Keep the zoomed range when new data arrives.
    const { min, max } = made.scales['x'] ?? {};
    const [times] = made.data;
    const whole = min == null || (min === times[0] && max === times[times.length - 1]);
    made.setData(columnsOf(props.data), whole);
    if (!whole) made.redraw();
  }, [props.data]);

  return (
    <figure class="chart" role="group" aria-label={props.label}>
      <div ref={box} class="canvas" />
      <p class="readout" ref={readout}>
        {props.caption}
      </p>
    </figure>
  );
}

function columnsOf({ times, values, marks, threshold }: ChartData): uPlot.AlignedData {
  const seconds = times.map((time) => time / 1_000);
  const columns: uPlot.AlignedData = [seconds, values];
  if (marks) {
    const marked = new Set(marks);
    columns.push(values.map((value, i) => (marked.has(i) ? value : null)));
  }
  if (threshold !== undefined) columns.push(values.map(() => threshold));
  return columns;
}

function optionsOf(
  { data, height, axis = false }: ChartProps,
  width: number,
  colour: (name: string) => string,
  say: (index: number | null | undefined) => void,
): uPlot.Options {
  const font = '11px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  const series: uPlot.Series[] = [
    {},
    { stroke: colour('accent'), fill: colour('area'), width: 1.25, points: { show: false } },
  ];
  if (data.marks)
    series.push({
      stroke: colour('critical'),
      width: 0,
      points: { show: true, size: 7, width: 0, fill: colour('critical') },
    });
  if (data.threshold !== undefined)
    series.push({ stroke: colour('warning'), width: 1.5, dash: [4, 3], points: { show: false } });
  return {
    width,
    height,
    series,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: axis, y: false, setScale: axis } },
    padding: [8, 18, 0, axis ? 0 : 4],
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1) * 1.08] } },
    axes: [
      {
        stroke: colour('dim'),
        font,
        size: 24,
        space: 64,
        grid: { show: axis, stroke: colour('grid'), width: 1 },
        ticks: { show: false },
        values: (_, splits) => splits.map((at) => clock(at * 1_000, at * 1_000)),
      },
      {
        show: axis,
        stroke: colour('dim'),
        font,
        size: 46,
        grid: { stroke: colour('grid'), width: 1 },
        ticks: { show: false },
      },
    ],
    hooks: { setCursor: [({ cursor }) => say(cursor.idx)] },
  };
}

/** Whether the system's colors are dark. A canvas must be redrawn when they change. */
function useDark(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const follow = (): void => setDark(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return dark;
}
