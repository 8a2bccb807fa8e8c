import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';

interface AsTableProps {
  /** Caption of the table. */
  caption: string;
  columns: readonly string[];
  /** Called only while the table is open. */
  rows: () => readonly (readonly ComponentChildren[])[];
}

/** The numbers of a chart, for screen readers and for copying. */
export function AsTable({ caption, columns, rows }: AsTableProps): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
          <table>
            <caption>{caption}</caption>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th key={column} scope="col">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows().map((cells, i) => (
                <tr key={i}>
                  {cells.map((cell, column) => (
                    <td key={column}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
