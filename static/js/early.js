// Hides the plain form before it is painted; gives it back when the modules did not come (an old browser, a lost file).
document.documentElement.classList.add('js');
setTimeout(function () {
  if (!document.documentElement.classList.contains('ready')) document.documentElement.classList.remove('js');
}, 5000);
