import { Injectable, Module, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Field, GraphQLModule, Mutation, ObjectType, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { MonitorRate } from 'nestjs-rate-monitor';

@Injectable()
class AuthGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { request } = context.getArgByIndex<Operation>(2).reply;
    const id = request.headers['x-project'];
    if (id) request.auth = { project: { id } };
    return true;
  }
}

interface Operation {
  reply: { request: { headers: Record<string, string>; auth?: unknown } };
}

@ObjectType()
export class Evaluation {
  @Field(() => String)
  id!: string;
}

@UseGuards(AuthGuard)
@Resolver(() => Evaluation)
export class EvaluationsResolver {
  @Query(() => Evaluation)
  @MonitorRate('llm_call')
  latest(): Evaluation {
    return { id: '1' };
  }

  @Mutation(() => Evaluation)
  @MonitorRate('evaluations')
  evaluate(): Evaluation {
    return { id: '2' };
  }

  @ResolveField(() => String)
  @MonitorRate('collections')
  summary(): string {
    return 'good';
  }
}

@Module({
  imports: [
    GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      fieldResolverEnhancers: ['guards'],
    }),
  ],
  providers: [EvaluationsResolver],
})
export class GraphqlApiModule {}
