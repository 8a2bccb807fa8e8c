/** Where a request went, as a pattern without the values in it. */
export interface Route {
  /** `POST`, or the kind of context if there is no HTTP method: `graphql`, `rpc`, `ws`. */
  method: string;
  /** The path pattern: `/projects/:id/evaluations`. Outside HTTP, the name of the handler. */
  path: string;
  /** Class and method: `EvaluationsController.create`. */
  handler: string;
}
