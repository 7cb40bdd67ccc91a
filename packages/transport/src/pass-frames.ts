import { type Channel, type Frame, frameType } from '@gpulab/contract'
import { StreamChannel } from './stream-channel.ts'

/**
 * Passes on what comes, in the place of reading `incoming`, until the sender has ended its side, and shows the control
 * frames that were passed. Between two sockets bytes pass as they are: where the sender is cut in the middle of a frame, nothing
 * more can be sent to the receiver.
 */
export async function passFrames(
  from: Channel,
  to: Channel,
  onControl: (frame: Frame) => void = () => {},
): Promise<void> {
  if (from instanceof StreamChannel && to instanceof StreamChannel && from.socket && to.socket)
    return from.passTo(to, onControl)
  for await (const frame of from.incoming) {
    await to.send(frame)
    if (frame.type === frameType.control) onControl(frame)
  }
}
