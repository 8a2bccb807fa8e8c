module.exports = () => {
  globalThis.__REDIS__?.kill();
};
