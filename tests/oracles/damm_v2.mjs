// Asks Meteora's SDK of DAMM v2 what a pool would pay or cost, as its account's bytes have it.
import { answer, load } from "./asking.mjs";

const BN = load("bn.js");
const { Connection, PublicKey } = load("@solana/web3.js");
const { TOKEN_2022_PROGRAM_ID, unpackMint } = load("@solana/spl-token");
const sdk = load("@meteora-ag/cp-amm-sdk");

// Never asked: the SDK wants a connection to know its own layouts.
const { coder } = new sdk.CpAmm(new Connection("http://127.0.0.1:1"))._program;
const ASK = {
  exact_in: [sdk.swapQuoteExactInput, "minimumAmountOut"],
  partial: [sdk.swapQuotePartialInput, "minimumAmountOut"],
  exact_out: [sdk.swapQuoteExactOutput, "maximumAmountIn"],
};

function token(one) {
  if (!one.fee) return undefined;
  const account = { data: Buffer.from(one.data, "base64"), owner: TOKEN_2022_PROGRAM_ID };
  return { mint: unpackMint(new PublicKey(one.address), account, TOKEN_2022_PROGRAM_ID), currentEpoch: 900 };
}

await answer((q) => {
  const pool = coder.accounts.decode("pool", Buffer.from(q.pool, "base64"));
  const [ask, user] = ASK[q.mode];
  const [input, output] = q.aToB ? [q.a, q.b] : [q.b, q.a];
  const told = ask(
    pool, new BN(q.point), new BN(q.amount), 0, q.aToB, false, 6, 6, token(input), token(output),
  );
  return {
    user: told[user].toString(),
    given: told.includedFeeInputAmount.toString(),
    price: told.nextSqrtPrice.toString(),
  };
});
