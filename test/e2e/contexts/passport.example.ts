import { Controller, Injectable, Module, Post, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { MonitorRate, RateMonitorModule, tenantFrom } from 'nestjs-rate-monitor';
import { ExtractJwt, Strategy } from 'passport-jwt';

@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKey: process.env.JWT_SECRET ?? '',
    });
  }

  // What it returns becomes request.user.
  validate({ sub, email }: { sub: string; email: string }) {
    return { userId: sub, email };
  }
}

@UseGuards(AuthGuard('jwt'))
@Controller('evaluations')
export class EvaluationsController {
  @Post()
  @MonitorRate('evaluations')
  create(): string {
    return 'ok';
  }
}

@Module({
  imports: [PassportModule, RateMonitorModule.forRoot({ tenant: tenantFrom('userId') })],
  providers: [JwtStrategy],
  controllers: [EvaluationsController],
})
export class JwtAppModule {}
