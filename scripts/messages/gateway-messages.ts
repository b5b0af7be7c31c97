// Messages of the gateway.

import { entry, type Messages } from './message.ts';

const SETTINGS = 'whatever reads the gateway\'s settings from the registry';

export const GATEWAY_MESSAGES: Messages = {
  'MM-GATEWAY-ANSWER': entry(SETTINGS, 'An answer of the installation about the gateway breaks its rule.', 'Correct the answer that is named in the registry.'),
  'MM-GATEWAY-ARGUMENTS': entry('`metamaster gateway`', 'The command is not of its form.', 'See `metamaster gateway --help`.'),
  'MM-GATEWAY-CANDIDATE': entry(SETTINGS, 'The succession names a machine that is no node of the roster, or a node twice.', 'Name nodes that have an uplink, each once.'),
  'MM-GATEWAY-FILE': entry('gatewayd at its start, or while it runs', 'The file with the gateway\'s settings is no JSON object.', 'Boot the node again, which writes it afresh from the registry.'),
  'MM-GATEWAY-FOLLOW': entry('`metamaster gateway configure`', 'The answers are written, and a living node has not followed the registry within --wait: it does not reach the SAN, or refuses what it read.', '`metamaster status` names who is behind; see `journalctl -u metamaster-storage` there. It follows by itself as soon as it can.'),
  'MM-GATEWAY-FORWARD': entry(SETTINGS, 'A port forward is not of its form, leads out of the cluster, or names a port that is forwarded already.', 'Write it as `tcp/443=192.168.0.5:8443`.'),
  'MM-GATEWAY-KEY': entry('gatewayd at its start', 'It was started without the cluster\'s key, so that anybody\'s beats could pass for a node\'s.', 'Give --cluster-key; the unit of the image does.'),
  'MM-GATEWAY-MISSING': entry(SETTINGS, 'The outside network is described in part only.', 'Give public-IP, public-netmask and public-router, or none of the public- answers; public-IP6 and public-router6 besides, or neither.'),
  'MM-GATEWAY-NO-CANDIDATE': entry('`metamaster gateway`', 'This node runs gatewayd, but the settings do not name it as a candidate.', 'Run the command on one of the candidates.'),
  'MM-GATEWAY-NO-DAEMON': entry('`metamaster gateway`', 'gatewayd of this node could not be asked.', 'Run it as root on a candidate; see `systemctl status gatewayd`.'),
  'MM-GATEWAY-PUBLIC': entry(SETTINGS, 'The public address, its netmask and its router do not fit together, or overlap with the inside network.', 'Correct public-IP, public-netmask or public-router; or public-IP6 or public-router6.'),
  'MM-GATEWAY-REFUSED': entry('`metamaster gateway switch` and `drain`', 'The handing over is not possible now: the other node does not stand, or is the gateway already.', 'See `metamaster gateway status`: who stands, and whose way out is dead.'),
  'MM-GATEWAY-SERVICE': entry(SETTINGS, 'A port that shall be open at the gateway is not of its form, or is forwarded or named already.', 'Write it as `tcp/22`.'),
  'MM-GATEWAY-SPARE': entry(SETTINGS, 'The address that moves with the gateway is not the roster\'s meta-master address, is a node\'s, or is none of the inside network.', 'Leave spare-local-IP out, or give the roster\'s meta-master address.'),
};
