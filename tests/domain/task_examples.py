"""Tasks with their answers as agents report them: ordinary fixes, and trifles."""

from __future__ import annotations

FIXES: dict[str, tuple[str, str]] = {
    "english": (
        (
            "The pagination on the orders page skips the last row when the total is an exact"
            " multiple of the page size, please fix it"
        ),
        """The limit was computed with floor division. Fixed in `orders/paging.py`:

```diff
--- a/orders/paging.py
+++ b/orders/paging.py
@@ -14,7 +14,7 @@
-    last = total // size
+    last = math.ceil(total / size)
     return [page for page in range(1, last + 1)]
```

Added a test in tests/test_paging.py and ran it:

```
$ pytest tests/test_paging.py -q
4 passed in 0.12s
```
""",
    ),
    "java": (
        "Fix the null pointer crash in UserService when the email is missing",
        """Added a guard:
```java
if (email == null) {
    throw new IllegalArgumentException("email");
}
```
mvn test: 41 passed""",
    ),
    "german": (
        (
            "Beim Speichern eines Termins geht die Zeitzone verloren, sodass Erinnerungen eine"
            " Stunde zu spät kommen. Bitte den Fehler beheben."
        ),
        """Der Zeitstempel wurde ohne Zeitzone abgelegt. Geändert:

```python
# src/kalender/termin.py
def speichern(termin):
    zeitpunkt = termin.beginn.astimezone(timezone.utc)
    self.ablage.schreibe(termin.id, zeitpunkt.isoformat())
```

Danach `pytest -q`: 31 Tests bestanden.
""",
    ),
    "chinese": (
        "用户登录后刷新页面会话丢失,请检查令牌刷新逻辑并修复这个问题,同时补充单元测试",
        """问题出在刷新令牌没有写回存储。修改 src/auth/session.ts:

```ts
const token = await refresh(session.token);
await store.set(session.id, token);
```

新增测试 tests/session.test.ts,运行结果:

```
$ npm test -- session
Tests: 6 passed
```
""",
    ),
    "japanese": (
        (
            "検索結果のページで全角文字を入力すると文字化けするので、"
            "エンコーディングの処理を修正してください"
        ),
        """app/search.py を修正しました。

```python
query = unquote(raw_query, encoding="utf-8")
return render("search.html", query=escape(query))
```

$ pytest tests/test_search.py
5 passed
""",
    ),
    "russian": (
        (
            "После обновления библиотеки фильтр по дате в отчёте возвращает пустой список, нужно "
            "исправить запрос и добавить проверку"
        ),
        """Исправлено в reports/filters.py:

```python
query = query.where(Report.created_at >= start_of_day(day))
query = query.where(Report.created_at < start_of_day(day + ONE_DAY))
```
`pytest tests/test_filters.py` - 12 passed
""",
    ),
    "terse": (
        "fix off-by-one in retry backoff, first retry sleeps twice too long",
        """--- a/net/retry.py
+++ b/net/retry.py
-        delay = base * 2 ** attempt
+        delay = base * 2 ** (attempt - 1)
$ pytest tests/test_retry.py
9 passed
""",
    ),
    "verbose": (
        (
            "I have noticed that whenever the nightly import runs and one of the supplier files"
            " contains an empty line at the very end, the whole import is aborted with an"
            " index error in src/importer/supplier.py and nothing of that day gets imported; could"
            " you have a look at why and make it robust?"
        ),
        """I looked into it. What I did:

1. Reproduced the crash with a file that ends in a blank line.
2. Skipped rows without any cells in `read_rows`.
3. Added a regression test.

```python
def read_rows(stream):
    for row in csv.reader(stream):
        if not any(cell.strip() for cell in row):
            continue
        yield Row(sku=row[0], price=Decimal(row[1]))
```

Ran `pytest tests/importer` - 18 passed.
""",
    ),
    "in prose": (
        (
            "Uploading an avatar larger than two megabytes fails with an unhelpful server error"
            " instead of a clear message to the user"
        ),
        (
            "The size check ran after the body had been read. I moved it into the upload handler in"
            " app/uploads.py, return a 413 with a clear message, and covered it in"
            " tests/test_uploads.py. All tests pass."
        ),
    ),
}

TRIFLES: dict[str, tuple[str, str]] = {
    "thanks": ("thanks", "You're welcome!"),
    "danke": ("Danke, das war's schon", "Gern geschehen!"),
    "xiexie": ("谢谢你的帮助", "不客气!"),
    "go on": ("ok, go on", "Done."),
    "hello": ("print hello", "print('hello')"),
    "hello world": ("print hello world", "```python\nprint('hello world')\n```"),
    "hallo welt": ("gib hallo welt aus", "print('Hallo Welt')"),
    "nihao": ("打印你好世界", "print('你好世界')"),
    "program": ("Write a Python program that prints hello world", "print('hello world')"),
    "listing": ("list the files here", "$ ls\nREADME.md src tests"),
    "question": ("what does HTTP 418 mean?", "I'm a teapot."),
    "commit": ("commit and push", "$ git commit -am 'wip'\n$ git push"),
}
