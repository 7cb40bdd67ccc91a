import { openNativeDevice } from './native-device.ts'
import { openNodeDevice } from './node-device.ts'
import type { TerminalDevice } from './terminal-device.ts'

export const openDevice = (): TerminalDevice => openNativeDevice() ?? openNodeDevice()
