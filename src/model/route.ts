/** Where a request went: the pattern, never the values in it. */
export interface Route {
  /** `POST`, or the kind of context if there is no HTTP method: `graphql`, `rpc`, `ws`. */
  method: string;
  /** The path pattern as the platform routes it, `/projects/:id/evaluations`; of other contexts the handler's name. */
  path: string;
  /** Class and method: `EvaluationsController.create`. */
  handler: string;
}
