/** What the bench tells its driver processes, and what they answer. */
export interface StartOrder {
  readonly do: 'start'
  /** Numbers of the hosts. */
  readonly from: number
  readonly to: number
  readonly apiUrl: string
  /** One for each host, by its number. */
  readonly joinTokens: readonly string[]
  readonly uplinks: boolean
}
export type Order = StartOrder | { readonly do: 'state' } | { readonly do: 'stop' }

export interface DriverState {
  readonly running: number
  readonly uplinks: number
  /** Starts of containers with a card that another running one had. */
  readonly doubleUses: number
  readonly calls: Record<string, number>
  readonly failures: Record<string, number>
}
