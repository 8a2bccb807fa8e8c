import { Readable } from 'node:stream';

import { Controller, Get, Sse, StreamableFile } from '@nestjs/common';
import { MonitorRate } from 'nestjs-rate-monitor';
import { from, map } from 'rxjs';

@Controller()
export class StreamsController {
  @Sse('tokens')
  @MonitorRate('llm_call')
  tokens() {
    return from(['one', 'two', 'three']).pipe(map((data) => ({ data })));
  }

  @Get('export')
  @MonitorRate('collections')
  export(): StreamableFile {
    return new StreamableFile(Readable.from(['one', 'two', 'three'].map((chunk) => Buffer.from(chunk))));
  }
}
