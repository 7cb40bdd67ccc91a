import { collectAsBytesPass } from '@gpulab/transport/collect-as-bytes-pass'
import { openSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { createConnections } from './connections.ts'
import { createHandler } from './serve.ts'
import { sweepStaging } from './staging.ts'
import { folderFlags } from './walk.ts'

/*
 * Serves the files of one volume on a Unix socket, in a process of its own: a file system that does not answer holds up
 * nobody but this one, which its agent then kills. Ends with its agent, whose pipe is its standard input.
 */

const [socketPath = '', rootPath = '', stagingPath = '', hiddenName = ''] = process.argv.slice(2)

collectAsBytesPass()
sweepStaging(stagingPath)

const hidden = hiddenName === '' ? undefined : Buffer.from(hiddenName)
const tree = { root: openSync(rootPath, folderFlags), hidden }
const connections = createConnections()
process.on('message', (id: string, socket: Socket | undefined) => connections.offer(id, socket))
const server = createServer({ requestTimeout: 0 }, createHandler({ tree, stagingPath, connections }))
server.listen(socketPath, () => process.stdout.write('ready\n'))
process.stdin.resume().once('end', () => process.exit())
