import type { GuestHello } from '@gpulab/guest'

/** Whether the guest runs as the user that is asked for; it can become no other. */
export function canServe(hello: Pick<GuestHello, 'uid'>, user: string | undefined): boolean {
  if (user === undefined || user === '') return true
  return user === String(hello.uid) || (user === 'root' && hello.uid === 0)
}
