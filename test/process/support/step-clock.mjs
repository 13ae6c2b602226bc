// Preloaded into a process under test: SIGUSR2 sets its wall clock back by an hour.
const real = Date.now;
let step = 0;
Date.now = () => real() + step;
process.on("SIGUSR2", () => {
  step -= 3_600_000;
});
