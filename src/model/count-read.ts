/** Asks for a tenant's count in a window of a category. */
export interface CountRead {
  readonly category: string;
  /** One of the names of the category's window. */
  readonly window: string;
  readonly tenantId: string;
  /** A moment in the window, in milliseconds since the epoch, by the store's clock. */
  readonly at: number;
}
