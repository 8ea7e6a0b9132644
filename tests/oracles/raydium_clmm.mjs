// Asks Raydium's SDK what a swap does in a CLMM pool, of the pool's account bytes (deflated).
import { runInThisContext } from "node:vm";
import { inflateSync } from "node:zlib";
import { answer, load } from "./asking.mjs";

const BN = load("bn.js");
const { PublicKey } = load("@solana/web3.js");
const inside = "@raydium-io/raydium-sdk-v2/lib/raydium/clmm/";
const layout = load(inside + "layout.js");
const { swapInternal } = load(inside + "libraries/swapSimulator.js");
const bytes = (text) => inflateSync(Buffer.from(text, "base64"));

function swap(q) {
  const did = swapInternal({
    programId: PublicKey.default,
    poolId: PublicKey.default,
    poolInfo: layout.PoolInfoLayout.decode(bytes(q.pool)),
    configInfo: layout.ClmmConfigLayout.decode(bytes(q.config)),
    tickArrays: q.arrays.map((text) => ({
      address: PublicKey.default,
      value: layout.TickArrayLayout.decode(bytes(text)),
    })),
    tickarrayBitmapExtension: undefined,
    amountSpecified: new BN(q.amount),
    sqrtPriceLimitX64: new BN(q.limit),
    zeroForOne: q.down,
    isBaseInput: q.mode === "exact_in",
    blockTimestamp: q.now,
    includeExtraTickArrays: false,
  });
  return {
    all: did.allTrade,
    other: did.amountCalculated.toString(),
    fee: did.feeAmount.toString(),
    price: did.sqrtPriceX64.toString(),
    liquidity: did.liquidity.toString(),
    tick: did.tickCurrent,
  };
}

// The SDK's loop may never end: `vm` is what can stop it.
await answer((q) => {
  globalThis.asked = () => swap(q);
  return runInThisContext("asked()", { timeout: 1_000 });
});
