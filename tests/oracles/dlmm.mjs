// Asks Meteora's SDK what a DLMM pair pays and costs, from the bytes of its accounts.
import { answer, load } from "./asking.mjs";

const BN = load("bn.js");
const { Connection, PublicKey } = load("@solana/web3.js");
const DLMM = load("@meteora-ag/dlmm");
const program = DLMM.createProgram(new Connection("http://127.0.0.1:1"));
const read = (kind, text) => DLMM.decodeAccount(program, kind, Buffer.from(text, "base64"));
const mint = { mint: { tlvData: Buffer.alloc(0) } };

await answer((q) => {
  const pair = Object.create(DLMM.prototype);
  pair.lbPair = read("lbPair", q.pair);
  pair.tokenX = pair.tokenY = mint;
  pair.clock = { epoch: new BN(q.epoch) };
  pair.binArrayBitmapExtension = null;
  const arrays = q.arrays.map((text) => ({
    publicKey: PublicKey.default,
    account: read("binArray", text),
  }));
  Date.now = () => q.now * 1000;
  return q.swaps.map(({ mode, amount, down }) => {
    const none = new BN(0);
    try {
      if (mode === "exact_in") {
        const did = pair.swapQuote(new BN(amount), down, none, arrays, false);
        const fee = did.fee.add(did.protocolFee).toString();
        return { in: did.consumedInAmount.toString(), out: did.outAmount.toString(), fee };
      }
      const did = pair.swapQuoteExactOut(new BN(amount), down, none, arrays);
      return { in: did.inAmount.toString(), out: did.outAmount.toString() };
    } catch (error) {
      return { error: String(error?.message || error?.name || error) };
    }
  });
});
