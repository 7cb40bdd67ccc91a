import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { hasReached } from '../containers/has-reached.ts'
import { watchContainer } from '../containers/watch-container.ts'

/** Until the container has the status; fails at once where it can't have it any more. */
export async function waitForStatus(
  context: ApiContext,
  container: Container,
  status: 'running' | 'stopped',
): Promise<Container> {
  const isEnough = (now: Container): boolean => hasReached(now, status)
  return isEnough(container) ? container : watchContainer(context, container, { isEnough })
}
