import type { Session } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import type { ApiContext } from '../context.ts'
import { createToolbox } from './toolbox.ts'

/** A container in which one program was left, whose client is seen for so many looks. */
function createContainer(looksWithClient: number, endsAfter = Infinity) {
  let looks = 0
  const killed: string[] = []
  const own = { id: 'own', state: 'running', command: ['write', '/a/.part'], attached: true }
  const others = [
    { ...own, id: 'over', state: 'ended' },
    { ...own, id: 'other', command: ['write', '/a/.other'] },
  ]
  const sessions = {
    list: () => {
      const mine = { ...own, attached: ++looks <= looksWithClient }
      return Promise.resolve({ items: [...(looks <= endsAfter ? [mine] : []), ...others] as Session[] })
    },
    kill: ({ params }: { params: { id: string } }) => Promise.resolve(void killed.push(params.id)),
  }
  const context = { api: { sessions }, signal: new AbortController().signal } as unknown as ApiContext
  return { toolbox: createToolbox(context, 'uuid'), killed }
}

describe('a program that was left', () => {
  it.each([0, 2])('is ended, also where its client is missed only a moment later (%i)', async (looks) => {
    const { toolbox, killed } = createContainer(looks)
    expect(await toolbox.endAbandoned('.part')).toEqual({ isInUse: false })
    expect(killed).toEqual(['own'])
  })

  it('is left alone where it has a client', async () => {
    const { toolbox, killed } = createContainer(Infinity)
    expect(await toolbox.endAbandoned('.part')).toEqual({ isInUse: true })
    expect(killed).toEqual([])
  })

  it('that has come to its end meanwhile was in use', async () => {
    const { toolbox, killed } = createContainer(Infinity, 2)
    expect(await toolbox.endAbandoned('.part')).toEqual({ isInUse: true })
    expect(killed).toEqual([])
  })
})
