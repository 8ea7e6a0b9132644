// Asks Meteora's SDK of DAMM v1 what a pool of constant product over its vaults would pay.
import { answer, load } from "./asking.mjs";

const BN = load("bn.js");
const { PublicKey } = load("@solana/web3.js");
const { calculateSwapQuote } = load("@meteora-ag/dynamic-amm-sdk");
const big = (text) => new BN(text);
const A = new PublicKey("So11111111111111111111111111111111111111112");
const B = new PublicKey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");

const vault = (one) => ({
  totalAmount: big(one.total),
  lockedProfitTracker: {
    lastUpdatedLockedProfit: big(one.locked),
    lastReport: big(one.reported),
    lockedProfitDegradation: big(one.degradation),
  },
});

await answer((q) => {
  const [tradeNumerator, tradeDenominator, protocolNumerator, protocolDenominator] = q.fees.map(big);
  const poolState = {
    tokenAMint: A,
    tokenBMint: B,
    enabled: true,
    curveType: { constantProduct: {} },
    bootstrapping: { activationType: 1, activationPoint: new BN(0), whitelistedVault: A },
    fees: {
      tradeFeeNumerator: tradeNumerator,
      tradeFeeDenominator: tradeDenominator,
      protocolTradeFeeNumerator: protocolNumerator,
      protocolTradeFeeDenominator: protocolDenominator,
    },
  };
  const told = calculateSwapQuote(q.aToB ? A : B, big(q.amount), {
    poolState,
    vaultA: vault(q.a), vaultB: vault(q.b),
    poolVaultALp: big(q.a.shares), poolVaultBLp: big(q.b.shares),
    vaultALpSupply: big(q.a.supply), vaultBLpSupply: big(q.b.supply),
    vaultAReserve: big(q.a.atHand), vaultBReserve: big(q.b.atHand),
    currentTime: Number(q.now), currentSlot: 1,
    depegAccounts: new Map(),
  });
  return { out: told.amountOut.toString() };
});
