import { Controller, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { MonitorRate } from 'nestjs-rate-monitor';

@Injectable()
class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const rpc = context.switchToRpc();
    const { token } = rpc.getData<{ token?: string }>();
    // Beside the message, where only this app writes: what a message says of its sender is a claim.
    if (token) rpc.getContext<{ auth?: unknown }>().auth = { project: { id: token } };
    return true;
  }
}

@UseGuards(AuthGuard)
@Controller()
export class EvaluationsConsumer {
  @MessagePattern('evaluate')
  @MonitorRate('evaluations')
  evaluate(): string {
    return 'done';
  }

  @EventPattern('collected')
  @MonitorRate('collections')
  collected(message: object): object {
    return message;
  }
}
