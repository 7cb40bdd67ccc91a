import type { TestHost } from './test-host.ts'

/** The small image with another user. */
export async function makeUserImage({ engine: { engine, image } }: TestHost, user: string): Promise<string> {
  const container = await engine.createContainer({ Image: image })
  try {
    await container.commit({ repo: 'gpulab.test/user', tag: '1', changes: `USER ${user}` })
  } finally {
    await container.remove()
  }
  return 'gpulab.test/user:1'
}
