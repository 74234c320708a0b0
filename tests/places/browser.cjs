// What browser.sh does in Chromium, through its pipe for debuggers. browser.cjs FOLDER NETWORK.trimtab PICTURE [CLASSES.csv]
'use strict';
const fs = require('fs'), http = require('http'), os = require('os'), path = require('path');
const [folder, network, picture, classes] = process.argv.slice(2).map(file => path.resolve(file));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'page'));

const types = {'.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm'};
const server = http.createServer((request, answer) => {
  const file = path.join(folder, path.basename(request.url));
  if (!types[path.extname(file)] || !fs.existsSync(file)) return answer.writeHead(404).end();
  answer.writeHead(200, {'Content-Type': types[path.extname(file)]}).end(fs.readFileSync(file));
});

const chromium = require('child_process').spawn('chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', `--user-data-dir=${scratch}/profile`, '--window-size=800,1000', '--remote-debugging-pipe',
], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
const waiting = new Map();
let received = '', sent = 0, session;
chromium.stdio[4].on('data', data => {
  const messages = (received + data).split('\0');
  received = messages.pop();
  for (const {id, result, error} of messages.map(JSON.parse)) {
    if (!waiting.has(id)) continue;
    const [resolve, reject] = waiting.get(id);
    error ? reject(new Error(error.message)) : resolve(result);
  }
});
function ask(method, params = {}) {
  chromium.stdio[3].write(JSON.stringify({id: ++sent, method, params, sessionId: session}) + '\0');
  return new Promise((resolve, reject) => waiting.set(sent, [resolve, reject]));
}
const value = async expression => (await ask('Runtime.evaluate', {expression})).result.value;
const text = id => value(`document.getElementById('${id}').textContent`);
const kind = id => value(`document.getElementById('${id}').className`);

async function until(what, condition) {
  for (const end = Date.now() + 120000; !await condition();) {
    if (Date.now() > end) throw new Error(`nothing after two minutes: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
async function choose(input, file) {
  const {root} = await ask('DOM.getDocument');
  const {nodeId} = await ask('DOM.querySelector', {nodeId: root.nodeId, selector: `#${input}`});
  await ask('DOM.setFileInputFiles', {nodeId, files: [file]});
}

async function main() {
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const {targetId} = await ask('Target.createTarget', {url: `http://127.0.0.1:${server.address().port}/index.html`});
  session = (await ask('Target.attachToTarget', {targetId, flatten: true})).sessionId;
  await until('the page', () => value(`document.readyState === 'complete' && typeof takeFiles === 'function'`));

  const bytes = fs.readFileSync(network);
  bytes[bytes.length >> 1] ^= 1;
  const damaged = path.join(scratch, 'damaged.trimtab');
  fs.writeFileSync(damaged, bytes);
  await choose('network', damaged);
  await until('a refusal', () => text('check'));
  console.log(await text('check'));
  if (await kind('check') !== 'bad') throw new Error('a network with a changed byte was taken');

  if (classes) await choose('classes', classes);
  await choose('network', network);
  await until('the network', async () => (await text('check')).startsWith(path.basename(network)));
  console.log(await text('check'));
  if (await kind('check') !== 'good') throw new Error('the network is not equal to its self-check');
  await choose('picture', picture);
  await until('the classes', () => text('time'));
  console.log(await text('time'));
  const rows = await value(`[...document.querySelectorAll('#top tr')].map(row => row.innerText).join('\\n')`);
  console.log(rows);
  const {data} = await ask('Page.captureScreenshot');
  fs.writeFileSync(path.join(folder, 'page.png'), Buffer.from(data, 'base64'));
  if (rows.split('\n').length !== 5) throw new Error('there are not five classes');
}

chromium.on('error', error => { console.error(error.message); process.exit(1); });
main().catch(error => { console.error(`FAILED: ${error.message}`); process.exitCode = 1; }).finally(() => {
  // Its other processes write a little longer.
  chromium.once('exit', () => fs.rmSync(scratch, {recursive: true, force: true, maxRetries: 20, retryDelay: 100}));
  chromium.kill();
  server.close();
});
