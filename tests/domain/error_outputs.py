"""Outputs of failed commands as tools really print them: the variants of one error, as it comes up
in another file, run or machine, stand together."""

from __future__ import annotations

from tests.domain.compiler_outputs import COMPILED, Error

PYTHON = (
    Error.of(
        "ImportError",
        "cannot import name 'parse_date' from 'app.dates'",
        """Traceback (most recent call last):
  File "/home/ada/shop/main.py", line 3, in <module>
    from app.dates import parse_date
ImportError: cannot import name 'parse_date' from 'app.dates' (/home/ada/shop/app/dates.py)
""",
        """============================= test session starts ==============================
collected 0 items / 1 error

==================================== ERRORS ====================================
____________________ ERROR collecting tests/test_orders.py _____________________
ImportError while importing test module '/builds/41/shop/tests/test_orders.py'.
Hint: make sure your test modules/packages have valid Python names.
Traceback:
/usr/lib/python3.12/importlib/__init__.py:90: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_orders.py:4: in <module>
    from app.dates import parse_date
E   ImportError: cannot import name 'parse_date' from 'app.dates' (/builds/41/shop/app/dates.py)
=========================== short test summary info ============================
ERROR tests/test_orders.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
=============================== 1 error in 0.21s ===============================
""",
        "pytest -q exit 1: ImportError: cannot import name 'parse_date' from 'app.dates' "
        "(C:\\Users\\ada\\shop\\app\\dates.py)",
        "\x1b[1m\x1b[31mE   ImportError: cannot import name 'parse_date' from 'app.dates' "
        "(/srv/x/app/dates.py)\x1b[0m\r\n",
    ),
    Error.of(
        "ModuleNotFoundError",
        "No module named 'yaml'",
        "Traceback (most recent call last):\n"
        '  File "<string>", line 1, in <module>\n'
        "ModuleNotFoundError: No module named 'yaml'\n",
        "E   ModuleNotFoundError: No module named 'yaml'\n",
        "worker-1  | Traceback (most recent call last):\n"
        'worker-1  |   File "/app/run.py", line 2, in <module>\n'
        "worker-1  |     import yaml\n"
        "worker-1  | ModuleNotFoundError: No module named 'yaml'\n",
    ),
    Error.of(
        "ModuleNotFoundError",
        "No module named 'requests'",
        "ModuleNotFoundError: No module named 'requests'",
    ),
    Error.of(
        "ValueError",
        "invalid literal for int() with base <n>: <value>",
        "ValueError: invalid literal for int() with base 10: '12a'",
        "Traceback (most recent call last):\n"
        '  File "C:\\work\\cli.py", line 81, in main\n'
        "    count = int(text)\n"
        "            ^^^^^^^^^\n"
        "ValueError: invalid literal for int() with base 10: 'seven'\n",
    ),
    Error.of("KeyError", "'user_id'", "KeyError: 'user_id'", "E       KeyError: 'user_id'"),
    Error.of("KeyError", "'email'", "KeyError: 'email'"),
    Error.of(
        "AttributeError",
        "'NoneType' object has no attribute 'split'",
        "AttributeError: 'NoneType' object has no attribute 'split'",
        "E       AttributeError: 'NoneType' object has no attribute 'split'\n"
        "\nsrc/a.py:17: AttributeError\n"
        "FAILED tests/test_a.py::test_names - AttributeError: 'NoneType' object has no att...\n",
    ),
    Error.of(
        "OperationalError",
        "connection to server at",
        """Traceback (most recent call last):
  File "/app/db.py", line 12, in connect
    raise ConnectError(host)
app.errors.ConnectError: db-1

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/main.py", line 40, in <module>
    main()
sqlalchemy.exc.OperationalError: connection to server at "db-1" failed after 30 s
""",
        'psycopg.OperationalError: connection to server at "db-2" failed after 5 s',
    ),
    Error.of(
        "ZeroDivisionError",
        "division by zero",
        """    def test_mean():
>       assert mean([]) == 0
tests/test_stats.py:7:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
    def mean(values):
>       return sum(values) / len(values)
E       ZeroDivisionError: division by zero

stats.py:3: ZeroDivisionError
=========================== short test summary info ============================
FAILED tests/test_stats.py::test_mean - ZeroDivisionError: division by zero
1 failed in 0.03s
""",
        "ZeroDivisionError: division by zero",
    ),
    Error.of(
        "AssertionError",
        "test_total: assert <n> == <n>",
        """__________________________________ test_total __________________________________

    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_basket.py:6: AssertionError
=========================== short test summary info ============================
FAILED tests/test_basket.py::test_total - assert 3 == 4
""",
        "FAILED other/test_cart.py::TestCart::test_total[eur] - assert 17 == 18",
    ),
    Error.of(
        "AssertionError",
        "test_discount: assert <n> == <n>",
        "FAILED tests/test_basket.py::test_discount - assert 3 == 4",
    ),
    Error.of(
        "AssertionError",
        "test_names: Lists differ: <value>",
        """F
======================================================================
FAIL: test_names (tests.test_people.PeopleTest.test_names)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/x/tests/test_people.py", line 9, in test_names
    self.assertEqual(names(), "ada")
AssertionError: Lists differ: 'ada' != 'bob'

----------------------------------------------------------------------
Ran 1 test in 0.001s

FAILED (failures=1)
""",
        """FAIL: test_names (people.PeopleTest)
Traceback (most recent call last):
  File "people.py", line 30, in test_names
AssertionError: Lists differ: 'eve' != 'joe'
FAILED (failures=1)
""",
    ),
    Error.of(
        "SyntaxError",
        "invalid decimal literal",
        'E     File "/w/tests/test_x.py", line 5\nE       def test_one(): assert 1a\n'
        "E                                ^\nE   SyntaxError: invalid decimal literal\n",
        '  File "y.py", line 1\n    x = 3b\n        ^\nSyntaxError: invalid decimal literal\n',
    ),
    Error.of(
        "python",
        "can't open file <path>: [Errno <n>] No such file",
        "python: can't open file '/home/ada/run.py': [Errno 2] No such file or directory",
        "/usr/bin/python3.12: can't open file '/x/y.py': [Errno 2] No such file or directory",
    ),
    Error.of(
        "SyntaxError",
        "'(' was never closed",
        '  File "/tmp/tmpab12cd34.py", line 3\n    print((1)\n         ^\n'
        "SyntaxError: '(' was never closed\n",
        "  File \"x.py\", line 30\n    foo((1)\n       ^\nSyntaxError: '(' was never closed\n",
    ),
    Error.of(
        "FileNotFoundError",
        "No such file or directory: <path>",
        "FileNotFoundError: [Errno 2] No such file or directory: 'data/input.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/var/lib/x y/other.csv'",
    ),
    Error.of(
        "JSONDecodeError",
        "Expecting value: line <n> column <n> (char <n>)",
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "E   json.decoder.JSONDecodeError: Expecting value: line 7 column 12 (char 140)",
    ),
    Error.of(
        "ExpiredSignatureError",
        "Signature has expired",
        """  + Exception Group Traceback (most recent call last):
  |   File "/x/a.py", line 9, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/x/a.py", line 4, in check
    |     raise jwt.ExpiredSignatureError("Signature has expired")
    | jwt.exceptions.ExpiredSignatureError: Signature has expired
    +------------------------------------
""",
        "jwt.exceptions.ExpiredSignatureError: Signature has expired",
    ),
    Error.of(
        "arg-type",
        "Argument <n> to",
        'app/a.py:10: error: Argument 1 to "pay" has incompatible type "str"; expected "int"  '
        "[arg-type]\nFound 1 error in 1 file (checked 12 source files)\n",
        'b.py:7:12: error: Argument 1 to "sell" has incompatible type "str"; expected "int"  '
        "[arg-type]\n",
    ),
    Error.of(
        "F401",
        "'os' imported but unused",
        "app/a.py:1:8: F401 [*] `os` imported but unused\nFound 1 error.\n",
        "./lib/b.py:3:8: F401 'os' imported but unused",
    ),
)

NODE = (
    Error.of(
        "TypeError",
        "Cannot read properties of undefined (reading 'map')",
        """/home/ada/web/src/list.js:12
    return items.map(render);
                 ^

TypeError: Cannot read properties of undefined (reading 'map')
    at List (/home/ada/web/src/list.js:12:18)
    at Object.<anonymous> (/home/ada/web/src/index.js:3:1)

Node.js v22.1.0
""",
        "Uncaught TypeError: Cannot read properties of undefined (reading 'map')\n"
        "    at Grid (webpack:///./src/grid.tsx:8:3)",
    ),
    Error.of(
        "Error",
        "Cannot find module 'express'",
        "node:internal/modules/cjs/loader:1215\n  throw err;\n  ^\n\n"
        "Error: Cannot find module 'express'\nRequire stack:\n- /srv/api/index.js\n"
        "    at Module._resolveFilename (node:internal/modules/cjs/loader:1212:15) {\n"
        "  code: 'MODULE_NOT_FOUND',\n  requireStack: [ '/srv/api/index.js' ]\n}\n",
        "Error: Cannot find module 'express'\nRequire stack:\n- C:\\api\\server.js",
    ),
    Error.of(
        "EADDRINUSE",
        "address already in use <host>:<n>",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:3000\n"
        "    at Server.setupListenHandle [as _listen2] (node:net:1817:16)",
        "Uncaught Error: listen EADDRINUSE: address already in use 0.0.0.0:8081",
    ),
    Error.of(
        "ECONNREFUSED",
        "connect ECONNREFUSED <host>:5432",
        "Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCPConnectWrap.afterConnect",
        "AggregateError [ECONNREFUSED]: connect ECONNREFUSED 10.2.3.4:5432",
    ),
    Error.of(
        "ECONNREFUSED",
        "connect ECONNREFUSED <host>:6379",
        "Error: connect ECONNREFUSED 127.0.0.1:6379",
    ),
    Error.of(
        "AssertionError",
        "adds two numbers: expect(received).toBe(expected)",
        """FAIL src/sum.test.js
  ● math \u203a adds two numbers

    expect(received).toBe(expected) // Object.is equality

    Expected: 4
    Received: 3

      3 | test('adds two numbers', () => {
    > 4 |   expect(sum(1, 2)).toBe(4);
        |                     ^
      at Object.<anonymous> (src/sum.test.js:4:21)

Test Suites: 1 failed, 1 total
""",
        """  ● calc \u203a adds two numbers

    expect(received).toBe(expected) // Object.is equality

    Expected: 10
    Received: 12
""",
    ),
    Error.of(
        "AssertionError",
        "adds up: Expected values to be strictly equal:",
        "TAP version 13\n# Subtest: adds up\nnot ok 1 - adds up\n  ---\n  failureType: "
        "'testCodeFailure'\n  error: |-\n    Expected values to be strictly equal:\n    \n"
        "    2 !== 3\n    \n  code: 'ERR_ASSERTION'\n",
        "not ok 7 - adds up\n  ---\n  error: |-\n    Expected values to be strictly equal:\n",
    ),
    Error.of(
        "TS2345",
        "is not assignable to parameter of type",
        "src/a.ts(10,5): error TS2345: Argument of type 'string' is not assignable to parameter "
        "of type 'number'.\n",
        "\x1b[96msrc/deep/b.ts\x1b[0m:\x1b[93m3\x1b[0m:\x1b[93m17\x1b[0m - \x1b[91merror\x1b[0m"
        "\x1b[90m TS2345: \x1b[0mArgument of type 'string' is not assignable to parameter of type "
        "'number'.\r\n\r\n\x1b[7m3\x1b[0m pay(id);\r\n",
    ),
    Error.of(
        "TS2339",
        "Property 'total' does not exist on type 'Basket'",
        "src/a.ts:4:9 - error TS2339: Property 'total' does not exist on type 'Basket'.",
        "C:/w/src/b.ts(40,2): error TS2339: Property 'total' does not exist on type 'Basket'.",
    ),
    Error.of(
        "no-unused-vars",
        "is defined but never used",
        "/home/a/src/x.js\n  10:5  error  'count' is defined but never used  no-unused-vars\n\n"
        "✖ 1 problem (1 error, 0 warnings)\n",
        "  3:17  error  'label' is defined but never used  no-unused-vars",
    ),
    Error.of(
        "ERESOLVE",
        "unable to resolve dependency tree",
        "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree\nnpm ERR!\n"
        "npm ERR! While resolving: shop@1.0.0\n",
        "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\n"
        "npm error A complete log of this run can be found in: /home/a/.npm/_logs/x-debug-0.log\n",
    ),
    Error.of(
        "E404",
        "<n> Not Found - GET <url>",
        "npm ERR! code E404\nnpm ERR! 404 Not Found - GET https://npm.test/left-padd - Not found",
        "npm error code E404\nnpm error 404 Not Found - GET http://mirror.local/lefft - Not found",
    ),
    Error.of(
        "npm",
        "Missing script:",
        'npm ERR! Missing script: "biuld"\nnpm ERR!\nnpm ERR! To see a list of scripts, run:\n',
        'npm error Missing script: "biuld"',
    ),
)

TOOLS = (
    Error.of(
        "command not found",
        "rg",
        "bash: rg: command not found",
        "/bin/sh: 1: rg: not found\n",
        "zsh: command not found: rg",
        "bash: line 7: rg: command not found",
        "'rg' is not recognized as an internal or external command,\r\noperable program.\r\n",
    ),
    Error.of("command not found", "jq", "bash: jq: command not found"),
    Error.of(
        "shell",
        "Permission denied",
        "bash: line 1: ./deploy.sh: Permission denied",
        "/bin/sh: 1: ./scripts/run.sh: Permission denied",
    ),
    Error.of(
        "signal",
        "Segmentation fault",
        "Segmentation fault (core dumped)",
        "run.sh: line 3: 40412 Segmentation fault (core dumped) ./app",
    ),
    Error.of(
        "git",
        "not a git repository",
        "fatal: not a git repository (or any of the parent directories): .git",
    ),
    Error.of(
        "git",
        "push rejected: non-fast-forward",
        "To github.com:a/b.git\n ! [rejected]        main -> main (non-fast-forward)\n"
        "error: failed to push some refs to 'github.com:a/b.git'\n",
        "To /srv/git/x\n ! [rejected]        feature/x -> feature/x (non-fast-forward)\n"
        "error: failed to push some refs to '/srv/git/x'\n",
    ),
    Error.of(
        "git",
        "merge conflict (content)",
        "Auto-merging app/a.py\nCONFLICT (content): Merge conflict in app/a.py\n"
        "Automatic merge failed; fix conflicts and then commit the result.\n",
        "CONFLICT (content): Merge conflict in README.md",
    ),
    Error.of(
        "error",
        "externally-managed-environment",
        "error: externally-managed-environment\n\n\u00d7 This environment is externally managed\n",
    ),
    Error.of(
        "error",
        "Could not find a version that satisfies the requirement pyyml",
        "ERROR: Could not find a version that satisfies the requirement pyyml (from versions: none)"
        "\nERROR: No matching distribution found for pyyml\n",
    ),
    Error.of(
        "docker",
        "port is already allocated",
        "docker: Error response from daemon: driver failed programming external connectivity on "
        "endpoint web (9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08): "
        "Bind for 0.0.0.0:8080 failed: port is already allocated.\n",
        "Error response from daemon: driver failed programming external connectivity on endpoint "
        "web (0a3bf4f1b2b0b822cd15d6c15b0f00a089f86d081884c7d659a2feaa0c55ad015): Bind for "
        "0.0.0.0:3000 failed: port is already allocated.\n",
    ),
    Error.of(
        "docker",
        "Cannot connect to the Docker daemon",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon "
        "running?",
        "ERROR: Cannot connect to the Docker daemon at tcp://10.0.0.1:2375. Is the docker daemon "
        "running?",
    ),
    Error.of(
        "error",
        "relation 'orders' does not exist",
        'ERROR:  relation "orders" does not exist\nLINE 1: select * from orders;\n',
        'psql:schema.sql:12: ERROR:  relation "orders" does not exist\n',
    ),
    Error.of(
        "error",
        "relation 'users' does not exist",
        'ERROR:  relation "users" does not exist\nLINE 1: select * from users;\n',
    ),
    Error.of(
        "error",
        "password authentication failed for user <value>",
        'psql: error: FATAL:  password authentication failed for user "ada"',
        'FATAL:  password authentication failed for user "deploy"',
    ),
    Error.of(
        "psql",
        "connection to server failed: Connection refused",
        'psql: error: connection to server at "localhost" (127.0.0.1), port 5432 failed: '
        "Connection refused\n\tIs the server running on that host?\n",
        'connection to server at "10.1.2.3", port 6000 failed: Connection refused',
    ),
    Error.of(
        "curl 6",
        "Could not resolve host:",
        "curl: (6) Could not resolve host: api.example.test",
    ),
    Error.of(
        "HTTP 401",
        "Unauthorized",
        "< HTTP/1.1 401 Unauthorized\n< Content-Type: application/json\n",
        "HTTP/2 401 Unauthorized",
    ),
    Error.of(
        "HTTPError",
        "Client Error: Not Found for url: <url>",
        "requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://a.test/v1/x",
        "requests.exceptions.HTTPError: 404 Client Error: Not Found for url: http://b.test/y?z=1",
    ),
    Error.of(
        "NoMethodError",
        "undefined method",
        "app/models/a.rb:3:in `total': undefined method `sum' for nil:NilClass (NoMethodError)\n",
        "/srv/b.rb:77:in 'Object#run': undefined method `sum' for nil:NilClass (NoMethodError)\n",
    ),
    Error.of(
        "error",
        "Error acquiring the state lock",
        "2026-11-21 17:00:00,123 ERROR terraform: Error acquiring the state lock\n",
        "Error: Error acquiring the state lock",
        "[ERROR] Error acquiring the state lock",
    ),
)

ERRORS = (*PYTHON, *NODE, *COMPILED, *TOOLS)

SILENT = (
    "",
    "\n\n",
    "===== 12 passed in 0.31s =====",
    "Build finished: 0 errors, 0 warnings",
    "0 errors",
    "ok  \tshop/basket\t0.002s",
    "test result: ok. 12 passed; 0 failed; 0 ignored",
    "On branch main\nnothing to commit, working tree clean",
    '  File "x.py", line 3, in run\n    raise self.error(message)',
    "KeyboardInterrupt",
    "ERROR tests/test_orders.py",
    "x.py:3: DeprecationWarning: use y instead",
    '^CTraceback (most recent call last):\n  File "x.py", line 1, in <module>\nKeyboardInterrupt',
)
"""Outputs that say no error, or one that somebody made."""
