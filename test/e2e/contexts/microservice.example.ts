import { Controller, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { EventPattern, MessagePattern, MqttContext, NatsContext, RmqContext } from '@nestjs/microservices';
import { defaultTenantResolver, MonitorRate, RateMonitorModule } from 'nestjs-rate-monitor';

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

interface Headers {
  get(name: 'x-project'): string | undefined;
}

interface Delivery {
  fields: { redelivered: boolean };
  properties: { headers?: { 'x-project'?: string } };
}

export const fromTransports = RateMonitorModule.forRoot({
  tenant: (context) => {
    const transport: unknown = context.switchToRpc().getContext();
    if (transport instanceof NatsContext) return (transport.getHeaders() as Headers | undefined)?.get('x-project');
    if (transport instanceof RmqContext) return (transport.getMessage() as Delivery).properties.headers?.['x-project'];
    if (transport instanceof MqttContext) return transport.getTopic().split('/')[1]; // projects/acme/evaluate
    return defaultTenantResolver(context);
  },
  skipIf: (context) => {
    const transport: unknown = context.switchToRpc().getContext();
    return transport instanceof RmqContext && (transport.getMessage() as Delivery).fields.redelivered;
  },
});
