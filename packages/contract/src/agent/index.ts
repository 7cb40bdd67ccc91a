import { gateways } from '../gateway/index.ts'
import { host } from './host.ts'
import { join } from './join.ts'
import { report } from './report.ts'
import { target } from './target.ts'

/** What the control plane serves to agents. */
export const control = { gateways, join, report, target }

/** What an agent serves to the control plane. */
export const agent = host

/** Protocol name and path of the connection that agents dial and then serve HTTP/2 on. */
export const uplinkProtocol = 'gpulab-uplink'
export const uplinkPath = '/agent/v1/uplink'

/**
 * A lane: a connection beside an uplink for one stream of bytes, which HTTP/2 would cut into frames of 16 KiB. The
 * caller asks for it over the uplink (POST `lanePath`) with a token in `laneHeader`; the agent dials `uplinkPath` for
 * this protocol with that token, and serves HTTP/1.1 on the connection.
 */
export const laneProtocol = 'gpulab-lane'
export const lanePath = '/lanes'
export const laneHeader = 'gpulab-lane'
