"""Style sheet of the guide's pages, the only one that their policy allows."""

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.55 system-ui,sans-serif;max-width:52rem;margin:0 auto;padding:1rem}
nav{font-size:.9rem;border-bottom:1px solid #8886;padding-bottom:.6rem}
nav a{margin-right:.8rem;white-space:nowrap}
nav a[aria-current]{font-weight:bold;text-decoration:none}
h1,h2,h3{line-height:1.2;margin-top:1.8em}
pre,code{font:.88em ui-monospace,monospace;background:#8881;border-radius:4px}
code{padding:.1em .3em}
pre{padding:.8rem;overflow-x:auto}
pre code{padding:0;background:none}
table{border-collapse:collapse;display:block;overflow-x:auto}
img{max-width:100%;height:auto}
th,td{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}
"""
