// Times the venues' own SDKs on pools it is given: decoded once, then quoted in a loop.
import { answer, load } from "../tests/oracles/asking.mjs";

const BN = load("bn.js");
const { Connection, PublicKey } = load("@solana/web3.js");
const raydium = "@raydium-io/raydium-sdk-v2/lib/raydium/";
const nowhere = new Connection("http://127.0.0.1:1"); // wanted for layouts, and never asked
const big = (text) => new BN(text);
const bytes = (text) => Buffer.from(text, "base64");

function cpmm(q) {
  const { CurveCalculator } = load("@raydium-io/raydium-sdk-v2");
  const [amount, x, y, trade, creator, protocol, fund] = q.numbers.map(big);
  const rates = [trade, creator, protocol, fund];
  if (q.mode === "exact_in") {
    return () => CurveCalculator.swapBaseInput(amount, x, y, ...rates, true).outputAmount;
  }
  return () => CurveCalculator.swapBaseOutput(amount, x, y, ...rates, true).inputAmount;
}

function ammV4(q) {
  const { default: Liquidity } = load(raydium + "liquidity/liquidity.js");
  const [amount, baseReserve, quoteReserve] = q.numbers.map(big);
  const mint = (name) => ({ address: name, decimals: 6, symbol: name });
  const poolInfo = { version: 4, mintA: mint("a"), mintB: mint("b"), baseReserve, quoteReserve };
  const self = Object.create(Liquidity.prototype);
  self.logDebug = () => {};
  const asked = { poolInfo, mintIn: "a", mintOut: "b", slippage: 0 };
  if (q.mode === "exact_in") {
    return () => self.computeAmountOut({ ...asked, amountIn: amount }).amountOut;
  }
  return () => self.computeAmountIn({ ...asked, amountOut: amount }).amountIn;
}

function clmm(q) {
  const layout = load(raydium + "clmm/layout.js");
  const { swapInternal } = load(raydium + "clmm/libraries/swapSimulator.js");
  const [pool, config, ...arrays] = q.accounts.map(bytes);
  const asked = {
    programId: PublicKey.default,
    poolId: PublicKey.default,
    poolInfo: layout.PoolInfoLayout.decode(pool),
    configInfo: layout.ClmmConfigLayout.decode(config),
    tickArrays: arrays.map((one) => ({
      address: PublicKey.default,
      value: layout.TickArrayLayout.decode(one),
    })),
    tickarrayBitmapExtension: undefined,
    amountSpecified: big(q.amount),
    sqrtPriceLimitX64: big(q.limit),
    zeroForOne: true,
    isBaseInput: q.mode === "exact_in",
    blockTimestamp: q.now,
    includeExtraTickArrays: false,
  };
  return () => swapInternal(asked).amountCalculated;
}

function dlmm(q) {
  const sdk = load("@meteora-ag/dlmm");
  const program = sdk.createProgram(nowhere);
  const [pair, ...arrays] = q.accounts.map(bytes);
  const read = (name, data) => program.coder.accounts.decode(name, data);
  const mint = (address) => ({ mint: { address: new PublicKey(address), tlvData: Buffer.alloc(0) } });
  const pool = new (sdk.DLMM ?? sdk)(
    PublicKey.default, program, read("lbPair", pair), null, mint(q.mints[0]), mint(q.mints[1]),
    [], { epoch: new BN(900), slot: new BN(1), unixTimestamp: new BN(q.now) },
  );
  const binArrays = arrays.map((one, n) => ({
    publicKey: new PublicKey(Buffer.alloc(32, n + 1)),
    account: read("binArray", one),
  }));
  const [amount, none] = [big(q.amount), new BN(0)];
  if (q.mode === "exact_in") {
    return () => pool.swapQuote(amount, true, none, binArrays).outAmount;
  }
  return () => pool.swapQuoteExactOut(amount, true, none, binArrays).inAmount;
}

function dammV2(q) {
  const sdk = load("@meteora-ag/cp-amm-sdk");
  const { coder } = new sdk.CpAmm(nowhere)._program;
  const pool = coder.accounts.decode("pool", bytes(q.accounts[0]));
  const [point, amount] = [new BN(q.now), big(q.amount)];
  if (q.mode === "exact_in") {
    return () => sdk.swapQuoteExactInput(pool, point, amount, 0, true, 9, 6).outputAmount;
  }
  return () => sdk.swapQuoteExactOutput(pool, point, amount, 0, true, 9, 6).includedFeeInputAmount;
}

function dammV1(q) {
  const { calculateSwapQuote } = load("@meteora-ag/dynamic-amm-sdk");
  const [tradeNumerator, tradeDenominator, protocolNumerator, protocolDenominator] = q.fees.map(big);
  const [a, b] = q.mints.map((one) => new PublicKey(one));
  const vault = (one) => ({
    totalAmount: big(one[0]),
    lockedProfitTracker: {
      lastUpdatedLockedProfit: big(one[1]),
      lastReport: big(one[2]),
      lockedProfitDegradation: big(one[3]),
    },
  });
  const [one, two] = q.vaults;
  const told = {
    poolState: {
      tokenAMint: a,
      tokenBMint: b,
      enabled: true,
      curveType: { constantProduct: {} },
      bootstrapping: { activationType: 1, activationPoint: new BN(0), whitelistedVault: a },
      fees: {
        tradeFeeNumerator: tradeNumerator,
        tradeFeeDenominator: tradeDenominator,
        protocolTradeFeeNumerator: protocolNumerator,
        protocolTradeFeeDenominator: protocolDenominator,
      },
    },
    vaultA: vault(one), vaultB: vault(two),
    poolVaultALp: big(one[4]), poolVaultBLp: big(two[4]),
    vaultALpSupply: big(one[5]), vaultBLpSupply: big(two[5]),
    vaultAReserve: big(one[6]), vaultBReserve: big(two[6]),
    currentTime: q.now, currentSlot: 1,
    depegAccounts: new Map(),
  };
  const amount = big(q.amount);
  return () => calculateSwapQuote(a, amount, told).amountOut;
}

const QUOTES = { cpmm, amm_v4: ammV4, clmm, dlmm, damm_v2: dammV2, damm_v1: dammV1 };

// Microseconds of the processor's time, which other processes do not count in.
function spent() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function perCall(quote, ms) {
  // The loop is first run as long as it is measured, for the compiler's sake.
  let [each, count] = [0, 1];
  for (const _ of ["warm up", "measure"]) {
    const begin = spent();
    let done = 0;
    do {
      for (let n = 0; n < count; n += 1) quote();
      done += count;
    } while (spent() - begin < ms * 1e3);
    each = (spent() - begin) / done;
    count = Math.max(Math.floor((ms * 1e3) / each / 10), 1);
  }
  return each;
}

await answer((q) => {
  const quote = QUOTES[q.program](q);
  return { told: quote().toString(), us: perCall(quote, q.ms) };
});
