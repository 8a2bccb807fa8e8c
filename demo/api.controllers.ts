import { Controller, Post, UseGuards } from '@nestjs/common';
import { MonitorRate } from '../src/index.js';
import { ApiKeyGuard } from './api-key.guard.js';

@Controller('llm')
@UseGuards(ApiKeyGuard)
export class LlmController {
  @Post('call')
  @MonitorRate('llm_call')
  call() {
    return { answer: 42 };
  }
}

@Controller('evaluations')
@UseGuards(ApiKeyGuard)
export class EvaluationsController {
  @Post()
  @MonitorRate('evaluations')
  create() {
    return { id: 'eval_1' };
  }
}

@Controller('collections')
@UseGuards(ApiKeyGuard)
export class CollectionsController {
  @Post()
  @MonitorRate('collections')
  create() {
    return { id: 'coll_1' };
  }
}
