import { describe, expect, it } from 'vitest'
import { toRemovals } from './removals.ts'
import type { LeftBehind } from './store.ts'

const container = (fields: Partial<LeftBehind>): LeftBehind => ({
  uuid: 'a',
  generation: 3,
  attempt: 4,
  restart: { policy: 'no', max_retries: null },
  name: 'job',
  teamUuid: 't',
  image: 'i',
  memoryBytes: 1,
  deletedAt: null,
  ...fields,
})
const deletedAt = new Date(0)

describe('a host that has', () => {
  it.each([
    ['an older generation of what is elsewhere removes it', [2], {}, [2]],
    ['several older ones removes them as the newest', [1, 2], {}, [2]],
    ['the generation that shall be elsewhere keeps it', [3], {}, []],
    ['that and an older one keeps both', [2, 3], {}, []],
    ['what was deleted removes it', [3], { deletedAt }, [3]],
    ['a newer one than the deleted keeps it', [4], { deletedAt }, []],
    ['one of which the generation was not told keeps it', [undefined], {}, []],
  ])('%s', (_, generations, fields, expected) => {
    const foreign = generations.map((generation) => ({
      uuid: 'a',
      state: 'running',
      ...(generation !== undefined && { generation }),
    }))
    const others = [{ uuid: 'b', state: 'running', generation: 9 }]
    const removals = toRemovals([...others, ...foreign], [container(fields)])
    expect(removals.map(({ generation }) => generation)).toEqual(expected)
    for (const removal of removals) expect(removal).toMatchObject({ uuid: 'a', desired: 'absent', env: {} })
  })
})
