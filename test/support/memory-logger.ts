import type { LoggerService } from '@nestjs/common';

/** Keeps log lines as `warn RateMonitor: text`. */
export class MemoryLogger implements LoggerService {
  readonly lines: string[] = [];

  log = this.keeping('log');
  error = this.keeping('error');
  warn = this.keeping('warn');

  /** Lines of this package that contain `text`. */
  of(text: string): string[] {
    return this.lines.filter((line) => isOurs(line) && line.includes(text));
  }

  protected keep(line: string): void {
    this.lines.push(line);
  }

  private keeping(level: string) {
    return (message: unknown, ...rest: unknown[]): void => {
      const context = rest.at(-1);
      this.keep(`${level} ${typeof context === 'string' ? context : ''}: ${String(message)}`);
    };
  }
}

function isOurs(line: string): boolean {
  return / Rate(Monitor|Alert): /.test(line);
}
