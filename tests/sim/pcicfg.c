/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI configuration spaces, good enough for lspci -vv. */
#include <string.h>

#include "sim.h"

#define CAP_PM 0x60
#define CAP_PCIE 0x78
#define CAP_MSIX 0xb4
#define EXT_AER 0x100
#define EXT_ARI 0x150
#define EXT_SRIOV 0x160

static void put16(unsigned char *c, unsigned at, unsigned value)
{
	c[at] = (unsigned char)(value & 0xff);
	c[at + 1] = (unsigned char)(value >> 8 & 0xff);
}

static void put32(unsigned char *c, unsigned at, uint32_t value)
{
	put16(c, at, value & 0xffff);
	put16(c, at + 2, value >> 16);
}

static void build_header(const struct device *dev, unsigned char *c)
{
	bool vf = dev->role == ROLE_VF;
	uint32_t bus = dev->bdf >> 8 & 0xff;

	/* A VF has no identity of its own in its registers. */
	put16(c, 0x00, vf ? 0xffff : dev->vendor);
	put16(c, 0x02, vf ? 0xffff : dev->device);
	put16(c, 0x04, vf ? 0x0004 : 0x0406);
	put16(c, 0x06, 0x0010);
	c[0x08] = dev->revision;
	c[0x09] = (unsigned char)(dev->class & 0xff);
	put16(c, 0x0a, dev->class >> 8);
	c[0x34] = vf ? CAP_PCIE : CAP_PM;
	if (dev->role == ROLE_PF) {
		put32(c, 0x10, 0x80000000 + ((bus & 0x3f) << 24));
		put32(c, 0x14, 0x0000000c);
		put32(c, 0x18, 0x2000 + (bus << 5));
		put32(c, 0x1c, 0x0000000c);
		put32(c, 0x20, 0x2010 + (bus << 5));
	}
	put16(c, 0x2c, dev->subvendor);
	put16(c, 0x2e, dev->subdevice);
}

/* The bridge's second half: the buses behind it. */
static void build_bridge(const struct device *dev, unsigned char *c)
{
	c[0x0e] = 1;
	memset(c + 0x10, 0, 0x30);
	c[0x34] = CAP_PM;
	c[0x18] = (unsigned char)(dev->bdf >> 8 & 0xff);
	c[0x19] = dev->bus_behind;
	c[0x1a] = dev->bus_last;
}

static void build_pm(unsigned char *c)
{
	c[CAP_PM] = 0x01;
	c[CAP_PM + 1] = CAP_PCIE;
	put16(c, CAP_PM + 2, 0x0003);
	put16(c, CAP_PM + 4, 0x0008);
}

static void build_pcie(const struct device *dev, unsigned char *c)
{
	bool port = dev->role == ROLE_PORT, vf = dev->role == ROLE_VF;

	c[CAP_PCIE] = 0x10;
	c[CAP_PCIE + 1] = CAP_MSIX;
	put16(c, CAP_PCIE + 2, port ? 0x0142 : 0x0002);
	put32(c, CAP_PCIE + 4, port ? 0x00008001 : 0x10008de1);
	put16(c, CAP_PCIE + 8, vf ? 0 : 0x2930);
	put32(c, CAP_PCIE + 12, 0x00453104);	  /* up to 16 GT/s, x16 */
	put16(c, CAP_PCIE + 18, vf ? 0 : 0x1104); /* at 16 GT/s, x16 */
	put32(c, CAP_PCIE + 36, 0x00000813);
	put32(c, CAP_PCIE + 44, 0x0000001e);
	c[CAP_MSIX] = 0x11;
	put16(c, CAP_MSIX + 2, 0x0002);
	put32(c, CAP_MSIX + 4, 0x00b90000);
	put32(c, CAP_MSIX + 8, 0x00ba0000);
}

static void build_sriov(const struct gpu *gpu, unsigned char *c)
{
	put32(c, EXT_SRIOV, 0x00010010);
	put16(c, EXT_SRIOV + 0x08, gpu->num_vfs ? 0x0019 : 0x0010);
	put16(c, EXT_SRIOV + 0x0c, gpu->total_vfs);
	put16(c, EXT_SRIOV + 0x0e, gpu->total_vfs);
	put16(c, EXT_SRIOV + 0x10, gpu->num_vfs);
	put16(c, EXT_SRIOV + 0x14, VF_OFFSET);
	put16(c, EXT_SRIOV + 0x16, VF_STRIDE);
	put16(c, EXT_SRIOV + 0x1a, gpu->device);
	put32(c, EXT_SRIOV + 0x1c, 0x00000573);
	put32(c, EXT_SRIOV + 0x20, 0x00000001);
	put32(c, EXT_SRIOV + 0x28, 0x0000000c);
	put32(c, EXT_SRIOV + 0x30, 0x0000000c);
}

void pcicfg_build(const struct device *dev, unsigned char ret[CONFIG_SIZE])
{
	bool sriov = dev->role == ROLE_PF && dev->gpu->total_vfs;

	memset(ret, 0, CONFIG_SIZE);
	build_header(dev, ret);
	if (dev->role == ROLE_PORT)
		build_bridge(dev, ret);
	build_pm(ret);
	build_pcie(dev, ret);
	put32(ret, EXT_AER, EXT_ARI << 20 | 0x00020001);
	put32(ret, EXT_ARI, (sriov ? EXT_SRIOV << 20 : 0U) | 0x0001000e);
	if (sriov)
		build_sriov(dev->gpu, ret);
}
