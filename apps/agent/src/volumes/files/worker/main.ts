import { constants, mkdirSync, openSync } from 'node:fs'
import { createServer } from 'node:http'
import { createHandler } from './serve.ts'
import { sweep } from './store.ts'

/*
 * Serves the files of one volume on a Unix socket, in a process of its own: a file system that does not answer holds up
 * nobody but this one, which its agent then kills. Ends with its agent, whose pipe is its standard input.
 */

const O_PATH = 0o10000000
const folderFlags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW

const [socketPath = '', rootPath = '', stagingPath = '', hiddenName = ''] = process.argv.slice(2)

mkdirSync(stagingPath, { recursive: true, mode: 0o700 })
const root = openSync(rootPath, folderFlags)
const staging = openSync(stagingPath, folderFlags)
sweep(staging)

const hidden = hiddenName === '' ? undefined : Buffer.from(hiddenName)
const server = createServer({ requestTimeout: 0 }, createHandler({ root, staging, hidden }))
server.listen(socketPath, () => process.stdout.write('ready\n'))
process.stdin.resume().once('end', () => process.exit())
