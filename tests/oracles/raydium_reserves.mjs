// Asks Raydium's SDK what its CPMM and AMM v4 pools pay and cost.
import { answer, load } from "./asking.mjs";

const BN = load("bn.js");
const { CurveCalculator } = load("@raydium-io/raydium-sdk-v2");
const { default: LiquidityModule } = load(
  "@raydium-io/raydium-sdk-v2/lib/raydium/liquidity/liquidity.js",
);
const big = (text) => new BN(text);
const mint = (name) => ({ address: name, decimals: 6, symbol: name });

function cpmm(q) {
  const rates = [q.trade, q.creator, q.protocol, q.fund].map(big);
  const ask = q.mode === "exact_in" ? "swapBaseInput" : "swapBaseOutput";
  const did = CurveCalculator[ask](big(q.amount), big(q.x), big(q.y), ...rates, q.onInput);
  return {
    in: did.inputAmount.toString(),
    out: did.outputAmount.toString(),
    protocol: did.protocolFee.toString(),
    fund: did.fundFee.toString(),
    creator: did.creatorFee.toString(),
  };
}

function ammV4(q) {
  const poolInfo = {
    version: 4, mintA: mint("a"), mintB: mint("b"), baseReserve: big(q.x), quoteReserve: big(q.y),
  };
  const quiet = { poolInfo, mintIn: "a", mintOut: "b", slippage: 0 };
  const self = Object.create(LiquidityModule.prototype);
  self.logDebug = () => {};
  if (q.mode === "exact_in") {
    return { out: self.computeAmountOut({ ...quiet, amountIn: big(q.amount) }).amountOut.toString() };
  }
  return { in: self.computeAmountIn({ ...quiet, amountOut: big(q.amount) }).amountIn.toString() };
}

await answer((q) => (q.program === "cpmm" ? cpmm(q) : ammV4(q)));
