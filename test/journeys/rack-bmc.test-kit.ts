// A management controller for a blade of the virtual rack: Redfish over HTTPS at the SAN's place in the network, and behind it the rack's own
// power switch. A mock, for no board with a BMC is at hand; what it speaks is the tests' emulator, and what it switches is real.
//
// Usage, within the rack's room `san`: rack-bmc.test-kit.ts RACK BLADE FOLDER. Says `ready`, its port, the certificate's SHA-256, user and password, and runs
// until it is killed.

import { X509Certificate } from 'node:crypto';
import { makeCertificate, PASSWORD, RedfishEmulator, serveRedfish, USER } from '../../daemons/power/redfish-emulator.test-kit.ts';
import { SAN_ADDRESS } from '../../scripts/virtual-rack/network-plan.ts';
import { openRack } from '../../scripts/virtual-rack/rack.ts';

const [name = '', bladeText = '', folder = ''] = process.argv.slice(2);
const blade = Number(bladeText);
const rack = openRack({ name });

/** What the switch was last told, and whether it has done it. */
let power: RedfishEmulator['power'] = (await rack.status()).blades.find(({ number }) => number === blade)?.power === 'on' ? 'On' : 'Off';

function told(wanted: RedfishEmulator['power']): void {
  // The emulator says Off once it was read; here it is off when the rack says so.
  if (power === 'PoweringOff') return;
  power = wanted === 'On' ? 'On' : 'PoweringOff';
  const work = wanted === 'On' ? rack.powerOn(blade) : rack.powerOff(blade);
  work.then(() => (power = wanted === 'On' ? 'On' : 'Off'), (error: unknown) => {
    console.error(error);
    process.exit(1);
  });
}

const emulator = new RedfishEmulator();
Object.defineProperty(emulator, 'power', { get: () => power, set: told });
const certificate = makeCertificate(folder, 'rack-bmc');
const { port } = await serveRedfish(emulator, certificate, SAN_ADDRESS);
console.log(`ready ${port} ${new X509Certificate(certificate.cert).fingerprint256} ${USER} ${PASSWORD}`);
