// SPDX-License-Identifier: BSD-2-Clause
/*
 * lex.c - a line of a script cut into words: names, numbers, "...", "..",
 * "<<", ">=" and its like, and single characters. '#' begins a comment.
 */
#include <ctype.h>
#include <stdlib.h>

#include "tests/pkt/script.h"

void pkt_syntax(const struct pkt_lex *lex, const char *what)
{
	printf("%s:%d: %s", lex->file, lex->line, what);
	if (lex->word && lex->len)
		printf(", not \"%.*s\"", (int)lex->len, lex->word);
	printf("\n\t%s\n", lex->text);
	fflush(stdout);
	_Exit(2);
}

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Digits, and a point only if a digit follows: "0.1..0.2" are three words. */
static size_t number_len(const char *p)
{
	size_t len = 0;

	while (in_name(p[len]))
		len++;
	if (p[len] == '.' && isdigit((unsigned char)p[len + 1]))
		len++;
	while (isdigit((unsigned char)p[len]))
		len++;
	return len;
}

static size_t sign_len(const char *p)
{
	static const char *const signs[] = { "...", "..", "<<", "<=", ">=", "!=" };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (!strncmp(p, signs[i], strlen(signs[i])))
			return strlen(signs[i]);
	return 1;
}

void pkt_next(struct pkt_lex *lex)
{
	const char *p = lex->at;

	while (*p == ' ' || *p == '\t')
		p++;
	lex->word = p;
	lex->len = 0;
	if (*p == '\0' || *p == '#')
		;
	else if (isdigit((unsigned char)*p))
		lex->len = number_len(p);
	else if (in_name(*p))
		while (in_name(p[lex->len]))
			lex->len++;
	else
		lex->len = sign_len(p);
	lex->at = p + lex->len;
}

void pkt_lex_begin(struct pkt_lex *lex, const char *file, int line, const char *text)
{
	*lex = (struct pkt_lex){ .file = file, .line = line, .text = text, .at = text };
	pkt_next(lex);
}

bool pkt_is(const struct pkt_lex *lex, const char *word)
{
	return lex->len && lex->len == strlen(word) && !strncmp(lex->word, word, lex->len);
}

bool pkt_take(struct pkt_lex *lex, const char *word)
{
	if (!pkt_is(lex, word))
		return false;
	pkt_next(lex);
	return true;
}

void pkt_need(struct pkt_lex *lex, const char *word)
{
	char what[PKT_WORD_MAX + 16];

	if (pkt_take(lex, word))
		return;
	snprintf(what, sizeof(what), "\"%s\" belongs here", word);
	pkt_syntax(lex, what);
}

bool pkt_is_number(const struct pkt_lex *lex)
{
	return lex->len && (isdigit((unsigned char)*lex->word) || *lex->word == '-');
}

int64_t pkt_number(struct pkt_lex *lex)
{
	bool minus = pkt_take(lex, "-");
	int64_t n;
	char *end;

	if (!lex->len || !isdigit((unsigned char)*lex->word))
		pkt_syntax(lex, "a number belongs here");
	n = strtoll(lex->word, &end, 10);
	if (end != lex->word + lex->len)
		pkt_syntax(lex, "a number belongs here");
	pkt_next(lex);
	return minus ? -n : n;
}

uint64_t pkt_seconds(struct pkt_lex *lex)
{
	char text[PKT_WORD_MAX] = "";
	double seconds;
	char *end;

	memcpy(text, lex->word, MIN(lex->len, sizeof(text) - 1));
	seconds = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || *end)
		pkt_syntax(lex, "a time in seconds belongs here");
	pkt_next(lex);
	return (uint64_t)(seconds * 1e9 + 0.5);
}

void pkt_name(struct pkt_lex *lex, char name[PKT_WORD_MAX])
{
	if (!lex->len || !in_name(*lex->word) || lex->len >= PKT_WORD_MAX)
		pkt_syntax(lex, "a name belongs here");
	memcpy(name, lex->word, lex->len);
	name[lex->len] = '\0';
	pkt_next(lex);
}
