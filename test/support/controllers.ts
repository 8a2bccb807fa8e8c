import {
  Controller,
  Get,
  Injectable,
  Param,
  Post,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';

import { MonitorRate, SkipMonitorRate } from '../../src/index.js';

/** Sets the user from a header, like an app's authentication. */
@Injectable()
export class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; auth?: unknown }>();
    const id = request.headers['x-project'];
    if (id) request.auth = { project: { id, name: request.headers['x-name'] } };
    return request.headers['x-refuse'] === undefined;
  }
}

@UseGuards(AuthGuard)
@Controller()
export class ApiController {
  @Post('evaluations')
  @MonitorRate('evaluations')
  evaluate(): string {
    return 'ok';
  }

  @Post('projects/:id/collections')
  @MonitorRate('collections')
  collect(@Param('id') id: string): string {
    return id;
  }

  @Get('health')
  health(): string {
    return 'ok';
  }
}

@UseGuards(AuthGuard)
@MonitorRate('llm_call')
@Controller('llm')
export class LlmController {
  @Post('call')
  call(): string {
    return 'ok';
  }

  @Post('free')
  @SkipMonitorRate()
  free(): string {
    return 'ok';
  }

  @Post('evaluate')
  @MonitorRate('evaluations')
  evaluate(): string {
    return 'ok';
  }
}
