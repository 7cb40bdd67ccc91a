export interface Page<T> {
  readonly items: T[]
  readonly next_cursor: string | null
}

const pageSize = 200

/** All items of all pages. */
export async function listAll<T>(
  list: (page: { limit: number; cursor?: string }) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list({ limit: pageSize, ...(cursor !== undefined && { cursor }) })
    items.push(...page.items)
    cursor = page.next_cursor
  }
  return items
}
