/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/settings.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/text.h"
#include "util/trust.h"

#define MAX_SIZE 65536
#define MAX_SECONDS 86400

static int refuse(struct error *err, const char *file, unsigned line, const char *why,
		  const char *what)
{
	char shown[128];

	return error_set(err, ERROR_USAGE, 0, "%s:%u: %s%s", file, line, why,
			 text_escape(shown, sizeof(shown), what));
}

static int set_exclude(struct settings *settings, const char *file, config_setting_t *s,
		       struct error *err)
{
	unsigned line = config_setting_source_line(s);
	int i, n = config_setting_length(s);

	if (!config_setting_is_array(s) && !config_setting_is_list(s))
		return refuse(err, file, line,
			      "exclude_gpus is a list of addresses, [\"0000:e8:00.0\"]",
			      "");
	free(settings->exclude_gpus);
	settings->n_exclude_gpus = 0;
	settings->exclude_gpus = calloc((size_t)n + 1, sizeof(*settings->exclude_gpus));
	if (!settings->exclude_gpus)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read %s", file);
	for (i = 0; i < n; i++) {
		const char *text = config_setting_get_string_elem(s, i);

		if (!text || !bdf_parse(text, &settings->exclude_gpus[i]))
			return refuse(
				err, file, line,
				"exclude_gpus: no PCI address such as 0000:e8:00.0: ",
				text ? text : "(not a string)");
		settings->n_exclude_gpus++;
	}
	return 0;
}

static int set_policy(struct settings *settings, const char *file, config_setting_t *s,
		      struct error *err)
{
	const char *text = config_setting_get_string(s);

	if (!text || !policy_parse(text, &settings->policy))
		return refuse(err, file, config_setting_source_line(s),
			      "policy is \"breadth\", \"depth\" or \"fit\", not ",
			      text ? text : "this");
	return 0;
}

static int set_path(char path[PATH_MAX], const char *file, config_setting_t *s,
		    struct error *err)
{
	const char *text = config_setting_get_string(s);
	char why[64];

	(void)snprintf(why, sizeof(why), "%s is an absolute path in quotes, not ",
		       config_setting_name(s));
	if (!text || text[0] != '/' || !text_copy(path, PATH_MAX, text))
		return refuse(err, file, config_setting_source_line(s), why,
			      text ? text : "this");
	return 0;
}

static int set_number(uint32_t *ret, uint32_t max, const char *file, config_setting_t *s,
		      struct error *err)
{
	int value = config_setting_get_int(s);

	if (config_setting_type(s) != CONFIG_TYPE_INT || value < 1 ||
	    (uint32_t)value > max)
		return error_set(
			err, ERROR_USAGE, 0, "%s:%u: %s is a whole number from 1 to %u",
			file, config_setting_source_line(s), config_setting_name(s), max);
	*ret = (uint32_t)value;
	return 0;
}

/* Whole numbers from 1 on, all of them. */
static uint32_t *number_of(struct settings *settings, const char *name, uint32_t *ret_max)
{
	const struct {
		const char *name;
		uint32_t *value, max;
	} numbers[] = {
		{ "timeout", &settings->timeout_s, MAX_SECONDS },
		{ "sriov_timeout", &settings->sriov_timeout_s, MAX_SECONDS },
		{ "wait_driver", &settings->wait_s[READY_DRIVER], MAX_SECONDS },
		{ "wait_no_driver", &settings->wait_no_driver_s, MAX_SECONDS },
		{ "wait_vfs", &settings->wait_s[READY_VFS], MAX_SECONDS },
		{ "wait_types", &settings->wait_s[READY_TYPES], MAX_SECONDS },
		{ "creates_per_gpu", &settings->creates_per_gpu, 64 },
	};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(numbers[i].name, name)) {
			*ret_max = numbers[i].max;
			return numbers[i].value;
		}
	return NULL;
}

static int set_key(struct settings *settings, const char *file, config_setting_t *s,
		   struct error *err)
{
	const char *name = config_setting_name(s);
	uint32_t *number, max;

	if (!name) /* libconfig had no memory for it */
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read %s", file);
	if (!strcmp(name, "exclude_gpus"))
		return set_exclude(settings, file, s, err);
	if (!strcmp(name, "policy"))
		return set_policy(settings, file, s, err);
	if (!strcmp(name, "sriov_manage"))
		return set_path(settings->sriov_manage, file, s, err);
	if (!strcmp(name, "nvidia_smi"))
		return set_path(settings->nvidia_smi, file, s, err);
	number = number_of(settings, name, &max);
	if (number)
		return set_number(number, max, file, s, err);
	return refuse(err, file, config_setting_source_line(s), "unknown key ", name);
}

/* libconfig wraps numbers of more than 32 bits around in silence. */
static bool number_fits(const char *digits)
{
	unsigned long long value;

	errno = 0;
	value = strtoull(digits, NULL, 0);
	return errno == 0 && value <= INT32_MAX;
}

/* Skips what begins at TEXT[0] and is no code: a comment or a string. 0 if it is code. */
static size_t skip_quoted(const char *text)
{
	const char *end;
	size_t n;

	if (text[0] == '#' || (text[0] == '/' && text[1] == '/'))
		return strcspn(text, "\n");
	if (text[0] == '/' && text[1] == '*') {
		end = strstr(text + 2, "*/");
		return end ? (size_t)(end - text) + 2 : strlen(text);
	}
	if (text[0] != '"')
		return 0;
	for (n = 1; text[n] && text[n] != '"'; n++)
		if (text[n] == '\\' && text[n + 1])
			n++;
	return n + (text[n] != '\0');
}

/* What libconfig would do wrong without telling: follow @include (a FIFO hangs it, a
 * directory ends the process), wrap huge numbers around, and take 060 for octal, 069 for
 * octal 6. */
static int check_text(const char *file, const char *text, struct error *err)
{
	bool in_word = false;
	const char *at;
	unsigned line = 1;

	for (at = text; *at; at++) {
		size_t skip = skip_quoted(at);

		if (at == text || at[-1] == '\n') {
			const char *word = at + strspn(at, " \t");

			if (!strncmp(word, "@include", 8))
				return refuse(err, file, line,
					      "@include is not supported", "");
		}
		if (skip) {
			size_t i;

			for (i = 0; i + 1 < skip; i++)
				line += at[i] == '\n';
			at += skip - 1;
			line += *at == '\n';
			in_word = false;
			continue;
		}
		if (!in_word && at[0] == '0' && isdigit((unsigned char)at[1]))
			return refuse(err, file, line,
				      "a number does not begin with 0, but for 0x", "");
		if (!in_word && isdigit((unsigned char)*at) && !number_fits(at))
			return refuse(err, file, line, "this number is out of range", "");
		in_word = isalnum((unsigned char)*at) || *at == '_' || *at == '.';
		line += *at == '\n';
	}
	return 0;
}

void settings_defaults(struct settings *settings)
{
	*settings = (struct settings){ .policy = POLICY_BREADTH,
				       .timeout_s = 60,
				       .sriov_timeout_s = 120,
				       .wait_s = { [READY_DRIVER] = 120,
						   [READY_VFS] = 120,
						   [READY_TYPES] = 120 },
				       .wait_no_driver_s = 20,
				       .creates_per_gpu = 1 };
	(void)text_copy(settings->sriov_manage, sizeof(settings->sriov_manage),
			"/usr/lib/nvidia/sriov-manage");
	(void)text_copy(settings->nvidia_smi, sizeof(settings->nvidia_smi),
			"/usr/bin/nvidia-smi");
}

void settings_free(struct settings *settings)
{
	free(settings->exclude_gpus);
	settings->exclude_gpus = NULL;
	settings->n_exclude_gpus = 0;
}

int settings_parse(struct settings *settings, const char *file, const char *text,
		   struct error *err)
{
	config_t parsed;
	int i, r = check_text(file, text, err);

	if (r < 0)
		return r;
	config_init(&parsed);
	if (!config_read_string(&parsed, text))
		r = refuse(err, file, (unsigned)config_error_line(&parsed),
			   config_error_text(&parsed), "");
	for (i = 0; r == 0 && i < config_setting_length(config_root_setting(&parsed));
	     i++)
		r = set_key(settings, file,
			    config_setting_get_elem(config_root_setting(&parsed),
						    (unsigned)i),
			    err);
	config_destroy(&parsed);
	return r;
}

int settings_read(struct settings *settings, int root_fd, const char *path,
		  struct error *err)
{
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) char *text = NULL;
	struct stat st;
	size_t used = 0;
	ssize_t n;

	fd = openat(root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, ERROR_SYSTEM, errno, "open %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_SIZE)
		return error_set(err, ERROR_USAGE, EINVAL, "%s is %s", path,
				 S_ISREG(st.st_mode) ? "larger than 64 KiB"
						     : "no regular file");
	if (trust_stat(&st, path, err) < 0)
		return -EPERM;
	text = calloc(1, MAX_SIZE + 1);
	if (!text)
		return error_set(err, ERROR_SYSTEM, ENOMEM, "read %s", path);
	while ((n = read(fd, text + used, MAX_SIZE - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return error_set(err, ERROR_SYSTEM, errno, "read %s", path);
	if (strlen(text) != used)
		return error_set(err, ERROR_USAGE, 0, "%s: it holds a NUL byte", path);
	return settings_parse(settings, path, text, err);
}
