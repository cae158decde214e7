"""Ordinary NumPy calls, as a reader would write them: data for test_ordinary_numpy.py.

A call is an expression, or a function, of the inputs whose names stand in it; every one of them is perturbed. The inputs
keep clear of kinks and ties, so that differences serve as the reference.
"""

import re
from inspect import signature

import numpy as np

INPUTS = {
    "s": np.array(0.7),
    "x": np.array([0.3, -1.27, 2.1, 0.8, -0.47]),            # either sign
    "y": np.array([1.48, 0.6, 2.3, 0.95, 1.75]),            # positive
    "u": np.array([0.15, 0.72, 0.41, 0.9, 0.33]),          # between 0 and 1
    "c": np.array([0.5, 1.1, -0.4, 0.25]),
    "g": np.array([0.1, 0.5, 1.2, 1.6, 2.5, 3.1]),         # a grid
    "h": np.array([1.0, 0.2, -0.6, 0.7, 1.5, 0.4]),        # samples on it
    "A": np.array([[0.9, -0.4, 1.3, 0.2], [-1.1, 0.6, 0.05, 1.7], [0.35, 2.2, -0.8, -1.5]]),
    "B": np.array([[0.4, 1.2, -0.7], [0.1, -0.9, 0.8], [1.5, 0.3, 0.6], [-0.2, 0.55, 2.0]]),
    "M": np.array([[3.0, 0.4, -0.3], [0.7, -2.0, 0.5], [0.2, -0.6, 1.1]]),
    "S": np.array([[2.5, 0.4, -0.3], [0.4, 3.6, 0.7], [-0.3, 0.7, 1.9]]),          # positive definite
    "T": np.random.default_rng(3).permutation(np.linspace(-2.05, 1.9, 24)).reshape(2, 3, 4),
    "P": np.array([[1.2, 0.7, 2.4, 0.5], [0.9, 1.9, 0.6, 1.1], [2.1, 1.6, 0.8, 1.35]]),   # positive
}

ELEMENTWISE = """
np.sin(x)  np.cos(x)  np.tan(u)  np.arcsin(u)  np.arccos(u)  np.arctan(x)  np.sinh(x)  np.cosh(x)  np.tanh(x)  np.arcsinh(x)
np.arccosh(y+1)  np.arctanh(u)  np.exp(x)  np.exp2(x)  np.expm1(x)  np.log(y)  np.log2(y)  np.log10(y)  np.log1p(y)
np.sqrt(y)  np.cbrt(y)  np.square(x)  np.reciprocal(x)  np.abs(x)  np.fabs(x)  np.absolute(x)  np.sign(x)*x  np.negative(x)
np.positive(x)  np.deg2rad(x)  np.rad2deg(x)  np.degrees(x)  np.radians(x)  np.sinc(x)  np.i0(x)  np.nan_to_num(x)
np.unwrap(x*4)  np.floor(x)*x  np.ceil(x)*x  np.trunc(x)*x  np.rint(x)*x  np.round(x,1)*x  np.fix(x)*x  np.signbit(x)*x
np.isfinite(x)*x  x+y  x-y  x*y  x/y  x**2  y**x  x**3.0  2**x  x%y  y%0.7  -x  +x  abs(x)  1/x  x//y*x  3-x  divmod(x,y)[1]
x@y  np.add(x,y)  np.subtract(x,y)  np.multiply(x,y)  np.divide(x,y)  np.true_divide(x,y)  np.power(y,x)  np.float_power(y,x)
np.pow(y,2)  np.mod(x,y)  np.fmod(x,y)  np.remainder(x,y)  np.divmod(x,y)[1]  np.modf(x)[0]  np.frexp(y)[0]  np.ldexp(x,3)
np.hypot(x,y)  np.arctan2(x,y)  np.logaddexp(x,y)  np.logaddexp2(x,y)  np.maximum(x,y)  np.minimum(x,y)  np.fmax(x,y)
np.fmin(x,y)  np.copysign(y,x)  np.heaviside(x,0.5)*x  np.clip(x,-1,1)  np.clip(x,-y,y)  np.clip(x,None,1.0)  x.clip(min=-0.7)
np.where(x>0,x,y)  np.where(x>0,np.log(y),x)  np.maximum(x,0)  np.minimum(x,0.6)  np.real(x)  np.conj(x)  x.real  x.conj()
np.sin(A)  A*A-2*A  np.exp(-A**2)  A*x[:4]  A/P[:,:1]  s*A  A+s  np.add(A,s)  np.float64(2)*x  np.arange(5)*x
np.ones((5,1))*x  (x>0)*x  np.tanh(A@B)  np.sqrt(np.sum(A**2))  np.log(np.sum(np.exp(A)))
np.exp(A)/np.sum(np.exp(A),axis=1,keepdims=True)  np.sin(x,dtype=float)  np.add(x,1,dtype=np.float64)
np.exp(x,casting="same_kind")  np.add(x,y,casting="safe")  np.sin(A,order="F")  np.add(A,1,subok=False)
"""
UFUNC_METHODS = """
np.add.reduce(A)  np.add.reduce(A,axis=1)  np.add.reduce(A,axis=None)  np.add.reduce(A,axis=(0,1))
np.add.reduce(A,keepdims=True)  np.add.reduce(A,initial=3.0)  np.add.reduce(A,where=A>0)  np.add.reduce(A,axis=1,dtype=float)
np.add.reduce(T,axis=(0,2))  np.multiply.reduce(A)  np.multiply.reduce(A,axis=None)
np.multiply.reduce(A,axis=1,keepdims=True)  np.multiply.reduce(x,initial=2.0)  np.multiply.reduce(A,where=A>0)
np.maximum.reduce(A)  np.maximum.reduce(A,axis=1)  np.maximum.reduce(A,axis=None)  np.maximum.reduce(A,initial=1.0)
np.maximum.reduce(A,where=A<1,initial=-5.0)  np.minimum.reduce(A,axis=(0,1))  np.minimum.reduce(x,initial=0.1)
np.fmax.reduce(A)  np.fmin.reduce(A,axis=1)  np.subtract.reduce(A)  np.subtract.reduce(A,axis=1)  np.divide.reduce(P)
np.divide.reduce(P,axis=1,keepdims=True)  np.hypot.reduce(A)  np.hypot.reduce(A,axis=1)  np.logaddexp.reduce(A)
np.logaddexp.reduce(A,axis=None)  np.logaddexp.reduce(A,axis=1,keepdims=True)  np.logaddexp2.reduce(A,axis=0)
np.power.reduce(P[:2])  np.arctan2.reduce(P)  np.remainder.reduce(P[1:])  np.logaddexp.reduce(x,initial=0.4)
np.logaddexp.reduce(A,axis=(0,1))  np.hypot.reduce(A,axis=(0,1))  np.logaddexp.reduce(A,where=A>0,initial=-1.0)
np.hypot.reduce(x)  np.add.accumulate(A)  np.add.accumulate(A,axis=1)  np.multiply.accumulate(A)  np.multiply.accumulate(x)
np.maximum.accumulate(x)  np.maximum.accumulate(A,axis=1)  np.minimum.accumulate(A)  np.fmax.accumulate(A)
np.subtract.accumulate(x)  np.divide.accumulate(y)  np.logaddexp.accumulate(x)  np.logaddexp.accumulate(A,axis=1)
np.hypot.accumulate(x)  np.power.accumulate(y[:3])  np.add.accumulate(A,dtype=float)  np.add.outer(x,y)
np.multiply.outer(x,y)  np.subtract.outer(x,y)  np.divide.outer(x,y)  np.maximum.outer(x,y)  np.hypot.outer(x,y)
np.power.outer(y,x)  np.arctan2.outer(x,y)  np.logaddexp.outer(x,y)  np.multiply.outer(A,x)  np.add.outer(x,2.0)
np.subtract.outer([1.0,2.0],x)  np.multiply.outer(s,x)  np.minimum.outer(x,0.5)  np.add.reduceat(x,[0,2,4])
np.add.reduceat(A,[0,2],axis=1)  np.add.reduceat(x,[0,3,1,4])  np.multiply.reduceat(x,[0,2])  np.maximum.reduceat(x,[0,1,3])
np.minimum.reduceat(A,[0,1],axis=0)  np.logaddexp.reduceat(x,[0,2,3])  np.subtract.reduceat(x,[0,3])
np.hypot.reduceat(A,[1,0],axis=1)  np.matmul(A,B,dtype=float)  np.matmul(T,B,axes=[(-2,-1),(-2,-1),(-2,-1)])
np.matmul(A,A,axes=[(0,1),(1,0),(0,1)])  np.vecdot(A,P)  np.vecdot(A,P,axis=0)  np.matvec(A,c)  np.vecmat(c,B)  np.vecdot(T,c)
"""
SUMS_AND_SCANS = """
np.sum(A)  np.sum(A,axis=0)  np.sum(A,axis=-1)  np.sum(A,0)  np.sum(A,axis=(0,1))  np.sum(A,axis=1,keepdims=True)  A.sum()
A.sum(1)  A.sum(axis=0,keepdims=True)  np.sum(A,where=A>0)  np.sum(A,axis=1,where=[True,False,True,True])
np.sum(A,initial=2.0)  np.sum(A,dtype=np.float64)  np.sum([x,y])  np.sum((x,y),axis=0)  sum(x)  np.sum(T,axis=(0,2))
np.sum(A,axis=(),)  np.nansum(A,axis=1)  np.prod(A)  np.prod(A,axis=0)  np.prod(A,axis=1,keepdims=True)  np.prod(T,axis=(0,2))
x.prod()  np.prod(A,where=A>0)  np.prod(x,initial=3.0)  np.prod(A,axis=1,where=A<1,initial=2.0)  np.nanprod(A,axis=0)
np.prod(x,dtype=float)  np.cumsum(A)  np.cumsum(A,axis=0)  np.cumsum(A,axis=1)  x.cumsum()  np.cumprod(x)
np.cumprod(A,axis=1)  A.cumprod(axis=0)  np.nancumsum(x)  np.nancumprod(A,axis=1)  np.cumulative_sum(x)
np.cumulative_sum(A,axis=1,include_initial=True)  np.cumulative_prod(x,include_initial=True)  np.cumsum(A,axis=1,dtype=float)
np.max(A)  np.max(A,axis=0)  np.max(A,axis=1,keepdims=True)  A.max()  A.max(axis=(0,1))  np.max(x,initial=3.0)
np.max(A,where=A<1,initial=-9)  np.min(A)  np.min(A,axis=1)  A.min(axis=0)  np.min(x,initial=-0.9)  np.amax(A)  np.amin(A,0)
np.nanmax(A,axis=0)  np.nanmin(A)  np.ptp(A)  np.ptp(A,axis=1)  np.ptp(A,axis=0,keepdims=True)  max(x)  min(x)
np.max(A,axis=1,where=A<2,initial=0)  np.diff(x)  np.diff(A,axis=0)  np.diff(x,n=2)  np.diff(x,prepend=0.0)
np.diff(A,append=s,axis=1)  np.diff(x,prepend=x[:1])  np.ediff1d(x)  np.ediff1d(x,to_begin=0,to_end=[1,2])  np.gradient(x)
np.gradient(x,0.1)  np.gradient(A,axis=0)  np.gradient(h,g)  np.gradient(A)  np.gradient(A,0.5,2.0)
np.gradient(x,edge_order=2)  np.gradient(h,g,edge_order=2)  np.gradient(A,s,axis=1)  np.trapezoid(x)  np.trapezoid(h,g)
np.trapezoid(A,dx=0.5)  np.trapezoid(A,axis=0)  np.trapezoid(h,x=g)  np.trapezoid(A,dx=s)  np.convolve(x,c)
np.convolve(x,c,"same")  np.convolve(x,c,mode="valid")  np.correlate(x,c)  np.correlate(x,c,"full")  np.correlate(x,y,"same")
"""
PRODUCTS = """
np.dot(x,y)  np.dot(A,B)  np.dot(A,c)  np.dot(T,B)  np.dot(2.0,x)  np.dot(s,A)  A.dot(B)  x.dot(y)  A@B  A@c  c@B  T@B
np.matmul(A,B)  np.matmul(T,B)  np.inner(x,y)  np.inner(A,P)  np.inner(A,c)  np.outer(x,y)  np.outer(A,c)  np.vdot(x,y)
np.vdot(A,P)  np.kron(x,y)  np.kron(A,B)  np.kron(c,A)  np.cross(A[:,:3],B[:3])  np.cross(B[0],B[1])  np.cross(B,B[0])
np.cross(B,B[::-1],axis=1)  np.cross(A,A[::-1],axis=0)  np.tensordot(A,B,axes=1)  np.tensordot(A,B,1)  np.tensordot(A,P)
np.tensordot(T,A,axes=([1,2],[0,1]))  np.tensordot(T,B,axes=(2,0))  np.tensordot(A,B,axes=0)  np.tensordot(T,T,axes=([0],[0]))
np.trace(M)  np.trace(A,offset=1)  M.trace()  np.trace(T,axis1=1,axis2=2)  np.einsum("ij,jk",A,B)  np.einsum("ij,jk->ki",A,B)
np.einsum("ii",M)  np.einsum("ii->i",M)  np.einsum("ij->ji",A)  np.einsum("ij->",A)  np.einsum("ij->j",A)
np.einsum("i,i",x,y)  np.einsum("i,j->ij",x,y)  np.einsum("ij,j->i",A,c)  np.einsum("ijk,k->ij",T,c)
np.einsum("ijk,kl->ijl",T,B)  np.einsum("...k,kl->...l",T,B)  np.einsum("...,...",A,P)  np.einsum("ij,jk,ki->",A,B,M)
np.einsum("ij,jk,kl->il",A,B,M,optimize=True)  np.einsum("ij,jk,kl->il",A,B,M,optimize="optimal")
np.einsum(A,[0,1],B,[1,2],[0,2])  np.einsum("i,i,i->i",x,y,u)  np.einsum("ij,kj->ik",A,P)  np.einsum("i...->...",T)
np.einsum("ij,ij->i",A,P)  np.einsum(A,[0,1],[1,0])  np.einsum("a,b,c->abc",x,y,u)  np.einsum("...ij->...ji",T)
np.einsum("ij,j",A,c,dtype=float)  np.einsum("bij,bik->bjk",T,T)  np.linalg.multi_dot([A,B,M])  np.linalg.multi_dot([c,B,M,A])
np.linalg.matrix_power(M,3)  np.linalg.matrix_power(M,-2)  np.linalg.matrix_power(M,0)+M  np.linalg.vecdot(A,P)
np.linalg.outer(x,y)  np.linalg.matmul(A,B)  np.linalg.tensordot(A,B,axes=1)  np.linalg.cross(B,B[::-1])
np.linalg.trace(T,offset=1)  np.linalg.diagonal(T)  np.linalg.matrix_transpose(A)
"""
STATISTICS = """
np.mean(A)  np.mean(A,axis=0)  np.mean(A,axis=1,keepdims=True)  A.mean()  A.mean(axis=(0,1))  np.mean(A,where=A>0)
np.mean(x,dtype=float)  np.mean([x,y],axis=0)  np.nanmean(A,axis=1)  np.var(A)  np.var(A,axis=0)  np.var(A,ddof=1)
np.var(A,axis=1,keepdims=True)  A.var(axis=0,ddof=1)  np.var(A,correction=1)  np.var(A,where=A>0)  np.var(x,mean=np.mean(x))
np.std(A)  np.std(A,axis=0)  np.std(A,axis=1,ddof=1)  x.std()  np.std(A,keepdims=True)  np.nanvar(A,axis=0)
np.nanstd(A,ddof=1)  np.std(A,axis=1,where=A<1)  np.average(x)  np.average(A,axis=1)  np.average(x,weights=y)
np.average(A,axis=0,weights=[1,2,3])  np.average(A,weights=P,axis=1)  np.average(x,weights=y,returned=True)
np.average(A,axis=1,keepdims=True)  np.median(x)  np.median(A)  np.median(A,axis=0)  np.median(A,axis=1,keepdims=True)
np.nanmedian(A,axis=1)  np.percentile(x,30)  np.percentile(A,[10,50,90])  np.percentile(A,25,axis=1)
np.percentile(x,40,method="lower")  np.quantile(x,0.3)  np.quantile(A,[0.2,0.9],axis=0)  np.quantile(x,0.6,method="higher")
np.quantile(x,0.6,method="nearest")  np.quantile(x,0.35,method="midpoint")  np.quantile(x,0.3,method="inverted_cdf")
np.quantile(x,0.3,method="averaged_inverted_cdf")  np.quantile(x,0.33,method="closest_observation")
np.quantile(x,0.3,method="interpolated_inverted_cdf")  np.quantile(x,0.3,method="hazen")  np.quantile(x,0.3,method="weibull")
np.quantile(x,0.3,method="median_unbiased")  np.quantile(x,0.3,method="normal_unbiased")  np.nanquantile(A,0.4,axis=1)
np.nanpercentile(A,60)  np.quantile(x,s)  np.quantile(x,u)  np.percentile(x,100*u)  np.quantile(A,0.4,keepdims=True)
np.quantile(x,0.3,weights=[1.0,2,1,3,1],method="inverted_cdf")  np.cov(A)  np.cov(A,rowvar=False)  np.cov(x,y)
np.cov(A,bias=True)  np.cov(A,ddof=0)  np.cov(A,fweights=[1,2,1,3])  np.cov(A,aweights=[0.5,1,2,1])  np.cov(A,aweights=P[0])
np.corrcoef(A)  np.corrcoef(x,y)  np.corrcoef(A,rowvar=False)  np.histogram(x,bins=3,weights=y)[0]  np.histogram(x,3)[1]
np.histogram(x,bins=[-2,0,3],weights=y,density=True)[0]  np.bincount([0,1,1,3,0],weights=x)
np.bincount([0,1,1,3,0],weights=x,minlength=6)  np.histogram2d(x,y,bins=2,weights=u)[0]  np.histogram_bin_edges(x,4)
np.histogramdd(B,bins=2,weights=c)[0]
"""
SELECTION = """
x[0]  x[-1]  x[1:3]  x[::-1]  x[::2]  x[[0,2,2]]  x[np.array([3,1])]  x[x>0]  A[1]  A[:,2]  A[1,2]  A[-1,::2]  A[[0,1],[2,3]]
A[:,[0,0]]  A[A>0.5]  A[np.array([[0,1],[2,0]])]  A[...,1]  A[None,1]  A[:,None,:]  T[:,1]  T[1,...,0]  T[:,[2,0],1:]
A[np.ix_([0,2],[1,3])]  A[np.arange(3),[0,1,2]]  A[np.triu_indices(3)]  A.flat[5]  A[1][2]  x[()]  x[...]  A[(1,2)]
A[[True,False,True]]  x[np.argsort(y)]  x[np.argmax(x)]  np.take(x,[0,2])  np.take(A,[1,0],axis=1)  np.take(A,7)
np.take(x,[6,-7],mode="wrap")  np.take(x,[9],mode="clip")  A.take([0,1],axis=0)
np.take_along_axis(A,np.argsort(A,axis=1),axis=1)  np.take_along_axis(A,np.argmax(A,axis=0)[None],0)
np.compress([True,False,True],A,axis=0)  np.compress([0,1,1],A,axis=1)  A.compress([1,0,1],axis=0)  np.extract(x>0,x)
np.extract([1,0,1,0,0],x)  np.choose([0,1,0,1,1],[x,y])  np.choose([0,2,1,0,2],[x,y,u],mode="wrap")
np.select([x>1,x>0],[x,y])  np.select([x>1,x>0],[x,y],default=3.0)  np.select([x>1],[x],u)
np.piecewise(x,[x<0,x>=0],[lambda t:t**2,np.sin])  np.piecewise(x,[x<0],[0.5,lambda t:3*t])  np.where(A>0,A,0)
np.where([1,0,1,0,1],x,2*x)  np.where(A>0,1.0,A*s)  np.nan_to_num(x/y,nan=0.0,posinf=3.0)  np.sort(x)  np.sort(A,axis=0)
np.sort(A,axis=None)  np.sort(A)[::-1]  np.sort(x,kind="stable")  np.partition(x,2)[2]  np.partition(A,1,axis=1)[:,1]
np.unique(x)  np.unique(A,axis=0)  np.unique(x,return_index=True)[0]  np.unique(x,return_inverse=True,return_counts=True)[0]
np.trim_zeros(x)  x[np.nonzero(x>0)]  x[np.flatnonzero(x<0)]  np.sort_complex(x)  np.interp(s,[0,1,2],[1.0,3.0,2.0])
np.interp(u,[0,0.5,1],[2.0,1.0,4.0])  np.interp([0.3,0.9,2.0],g,h)  np.interp(y,g,h)  np.interp(x,g,h,left=0.0,right=s)
np.interp(x,g,h,period=3.7)  np.interp(s,g,h)  np.interp(0.9,[0.1,1.2,3.0],c[:3])  np.searchsorted(g,[0.3,1.0])+s
np.digitize(x,[-1,0,1])*x  np.argmax(x)*x  np.count_nonzero(x)*x  np.argsort(x)*x  np.isin(x,[1.0])+x  np.union1d(x,y)
np.intersect1d(x,x[:3])  np.setdiff1d(x,y[:2])  np.setxor1d(x,y)
"""
SHAPE = """
A.reshape(4,3)  A.reshape(-1)  A.reshape((2,6))  np.reshape(A,(6,2))  np.reshape(A,-1,order="F")  A.reshape(2,-1,order="F")
A.ravel()  np.ravel(A)  np.ravel(A,order="F")  A.flatten()  A.flatten("F")  A.T  A.transpose()  T.transpose(2,0,1)
T.transpose((1,0,2))  np.transpose(T,(0,2,1))  A.mT  np.swapaxes(T,0,2)  T.swapaxes(1,2)  np.moveaxis(T,0,-1)
np.moveaxis(T,[0,1],[2,0])  np.rollaxis(T,2)  np.permute_dims(A,(1,0))  np.matrix_transpose(T)  np.squeeze(A[None])
np.squeeze(A[:,None],axis=1)  A[None].squeeze()  np.expand_dims(x,0)  np.expand_dims(x,(0,2))  x[:,np.newaxis]
np.atleast_1d(s)  np.atleast_2d(x)  np.atleast_3d(A)  np.atleast_1d(x,s)  np.broadcast_to(x,(3,5))  np.broadcast_to(s,(2,2))
np.broadcast_arrays(x,s)  np.broadcast_arrays(A,c)  np.concatenate([x,y])  np.concatenate((A,P),axis=1)
np.concatenate([A,B],axis=None)  np.concat([x,y])  np.stack([x,y])  np.stack((x,y),axis=1)  np.stack([x,y,u],axis=-1)
np.vstack([x,y])  np.hstack([x,y])  np.hstack([A,P])  np.dstack([x,y])  np.column_stack([x,y])  np.vstack((A,c))
np.hstack((s,x))  np.r_[x,y]  np.c_[x,y]  np.r_[0.0,x,1]  np.append(x,s)  np.append(x,[1.0,2.0])  np.append(A,P,axis=0)
np.insert(x,2,s)  np.insert(A,1,c,axis=0)  np.insert(x,[1,3],[s,s])  np.delete(x,1)  np.delete(A,[0,2],axis=1)
np.delete(x,slice(0,2))  np.block([[A,P],[P,A]])  np.block([x,y])  np.block([[M,x[:3,None]],[y[None,:3],s.reshape(1,1)]])
np.split(x,[2,3])  np.split(A,3)  np.split(A,2,axis=1)  np.array_split(x,3)  np.hsplit(A,2)  np.vsplit(A,3)  np.dsplit(T,2)
np.unstack(A)  np.unstack(A,axis=1)  np.tile(x,2)  np.tile(x,(2,1))  np.tile(A,(2,1))  np.repeat(x,2)
np.repeat(A,[1,2,0],axis=0)  np.repeat(A,2,axis=1)  x.repeat(3)  np.roll(x,2)  np.roll(A,1,axis=0)
np.roll(A,(1,2),axis=(0,1))  np.rot90(A)  np.rot90(A,2)  np.rot90(T,1,(1,2))  np.flip(x)  np.flip(A,axis=0)  np.flip(A,(0,1))
np.fliplr(A)  np.flipud(A)  np.pad(x,2)  np.pad(A,1)  np.pad(x,(1,2))  np.pad(A,((1,0),(0,2)))  np.pad(x,1,mode="edge")
np.pad(x,2,"reflect")  np.pad(x,2,"symmetric")  np.pad(x,2,"wrap")  np.pad(A,1,"mean")  np.pad(A,1,"maximum")
np.pad(A,1,"minimum")  np.pad(A,2,"linear_ramp")  np.pad(x,2,"linear_ramp",end_values=1.0)  np.pad(x,1,constant_values=3.0)
np.pad(x,(1,2),constant_values=s)  np.pad(x,(1,2),constant_values=(s,1.0))  np.pad(A,1,"median")
np.pad(x,2,"reflect",reflect_type="odd")  np.pad([1.0,2.0],1,constant_values=s)  np.pad(x,2,"mean",stat_length=2)
np.pad(A,{-1:(1,2)})  np.pad(x,2,"linear_ramp",end_values=s)  np.pad([1.0,2.0],2,"linear_ramp",end_values=s)  np.meshgrid(x,y)
np.ix_(x,c,[True,False,True])  np.meshgrid(x,c,indexing="ij")  np.meshgrid(x,y,sparse=True)  np.vander(x)
np.vander(x,3)  np.vander(x,N=3,increasing=True)
np.diag(x)  np.diag(M)  np.diag(x,k=1)  np.diag(A,-1)  np.diagflat(c)  np.diagonal(A)  A.diagonal()
np.diagonal(T,axis1=1,axis2=2)  np.diagonal(A,offset=1)  np.tril(A)  np.triu(A)  np.triu(M,k=1)  np.tril(M,-1)
np.linspace(s,2,5)  np.linspace(0,s,4,endpoint=False)  np.linspace(x,y,3)  np.linspace(x,1.0,3,axis=1)
np.linspace(0,s,5,retstep=True)[1]  np.logspace(s,2,4)  np.logspace(0,1,3,base=s+1)  np.geomspace(y,8,3)  np.full_like(x,s)
np.full_like(x,2.0)*x  np.zeros_like(x)+x  np.ones_like(A)*A  np.empty_like(x)*0+x  np.copy(x)  x.copy()  np.resize(x,(2,4))
np.lib.stride_tricks.sliding_window_view(x,3)  np.lib.stride_tricks.sliding_window_view(A,(2,2))
np.apply_along_axis(np.sum,0,A)  np.apply_along_axis(lambda r:r**2,1,A)  np.apply_over_axes(np.sum,A,[0])
np.array_split(A,2,axis=1)  np.astype(x,float)  x.astype(float)  x.astype(np.float64,copy=False)  list(x)  x.tolist()
[a*2 for a in x]  np.vectorize(lambda a:a**2)(x)  np.stack([a*a for a in x])  np.stack([np.sin(s),np.cos(s)])
np.column_stack((x,A.T[:,0].sum()*y))  np.stack(np.meshgrid(x[:2],y[:3]))  np.triu(T)  np.trim_zeros(np.pad(x,1))
np.linalg.norm(A[:,None]-P[None],axis=-1)  np.sum((x[:,None]-y[None,:])**2,axis=1)
"""
POLYNOMIALS = """
np.polyval(c,x)  np.polyval([1,2,3],x)  np.polyval(c,2.0)  np.polyval(c,s)  np.polyder(c)  np.polyder(c,2)  np.polyint(c)
np.polyint(c,m=2)  np.polyint(c,k=s)  np.polyadd(c,x)  np.polysub(x,c)  np.polymul(c,x)  np.polydiv(x,c[:2])
np.polyfit(g,h,2)  np.polyfit(g,h,1,w=[1,2,1,2,1,1])  np.polyfit(g,h,1,cov=True)  np.polyfit(g,h,2,full=True)[1]  np.poly(y)
np.real(np.roots(c))  np.imag(np.roots(c))  np.polynomial.polynomial.polyval(x,c)
np.polynomial.polynomial.polyval(x,[1.0,2.0,3.0])  np.polynomial.polynomial.polyval(2.0,c)
np.polynomial.polynomial.polyval(x,A)  np.polynomial.polynomial.polyval(s,B)
np.polynomial.polynomial.polyval(x[:4],A,tensor=False)  np.polynomial.polynomial.polyval2d(x,y,A)
np.polynomial.polynomial.polygrid2d(x,y,A)  np.polynomial.polynomial.polyval3d(x,y,u,T)
np.polynomial.polynomial.polygrid3d(x[:2],y,u,T)  np.polynomial.polynomial.polyvalfromroots(x,c)
np.polynomial.polynomial.polyder(c)  np.polynomial.polynomial.polyint(c)  np.polynomial.polynomial.polymul(c,x)
np.polynomial.polynomial.polyadd(c,x)  np.polynomial.polynomial.polysub(c,x)  np.polynomial.polynomial.polydiv(x,c)
np.polynomial.polynomial.polypow(c,3)  np.polynomial.polynomial.polymulx(c)  np.polynomial.polynomial.polyfromroots(c)
np.sort(np.real(np.polynomial.polynomial.polyroots(c)))  np.polynomial.polynomial.polyvander(x,3)
np.polynomial.polynomial.polyvander2d(x,y,[1,2])  np.polynomial.polynomial.polyfit(g,h,2)
np.polynomial.polynomial.polycompanion(c)  np.polynomial.polynomial.polyline(s,2.0)
np.polynomial.polynomial.polyder(c,2,scl=2.0)  np.polynomial.polynomial.polyint(c,k=[s])  np.polynomial.polynomial.polytrim(c)
np.polynomial.chebyshev.chebval(u,c)  np.polynomial.chebyshev.chebval(u,[1.0,0.5,0.2])  np.polynomial.chebyshev.chebder(c)
np.polynomial.chebyshev.chebint(c)  np.polynomial.chebyshev.chebmul(c,x)  np.polynomial.chebyshev.chebvander(u,3)
np.polynomial.chebyshev.cheb2poly(c)  np.polynomial.chebyshev.chebfit(g,h,2)  np.polynomial.chebyshev.chebadd(c,x)
np.polynomial.legendre.legval(u,c)  np.polynomial.legendre.legder(c)  np.polynomial.legendre.legint(c)
np.polynomial.legendre.legvander(u,3)  np.polynomial.legendre.legfit(g,h,2)  np.polynomial.legendre.leg2poly(c)
np.polynomial.hermite.hermval(u,c)  np.polynomial.hermite.hermder(c)  np.polynomial.hermite.hermvander(u,3)
np.polynomial.hermite.hermfit(g,h,2)  np.polynomial.hermite_e.hermeval(u,c)  np.polynomial.hermite_e.hermeder(c)
np.polynomial.laguerre.lagval(u,c)  np.polynomial.laguerre.lagder(c)  np.polynomial.laguerre.lagvander(u,3)
np.polynomial.laguerre.lagfit(g,h,2)  np.polynomial.Polynomial([1.0,2.0,3.0])(x)  np.polynomial.Chebyshev([1.0,0.5,0.25])(u)
np.poly1d([1.0,2.0,3.0])(x)
np.polynomial.polynomial.polyval(x,[[1.0,2.0,3.0],[0.5,0.4,0.3]])  np.polynomial.polynomial.polyval(A,[[1.0,2.0],[0.5,0.4]])
np.polynomial.legendre.legval(x,[[1.0,2.0,3.0,4.0,5.0],[0.5,0.4,0.3,1.0,2.0]])
np.polynomial.Legendre([1.0,0.5,0.25],domain=[0,2])(u)
np.polynomial.Polynomial(c)(x)  np.polynomial.Polynomial(c).deriv()(x)  np.polynomial.Chebyshev(c).integ()(u)
(np.polynomial.Polynomial(c)*np.polynomial.Polynomial(x))(2.0)  np.polynomial.Polynomial.fit(g,h,2)(1.0)
np.polynomial.Polynomial.fit(g,h,2).coef  np.polynomial.Legendre(c).convert(kind=np.polynomial.Polynomial).coef
"""
COMPLEX = """
np.abs(x+1j*y)  np.angle(x+1j*y)  np.angle(x+1j*y,deg=True)  np.real(np.exp(1j*x))  np.imag(np.exp(1j*x))  np.exp(1j*x)
np.conj(x+2j*y)  (x+1j*y).conj()  (x+1j*y).real  (x+1j*y).imag  (x+1j*y)**2  (x+1j*y)*(y-1j*x)  np.log(x+1j*y)
np.sqrt(x+1j*y)  np.sin(x+1j*y)  np.real_if_close(x+0j)  np.sum(np.abs(x+1j*y)**2)  np.vdot(x+1j*y,y-1j*x)
np.array([1j,2.0])*s  np.isreal(x)*x  np.sort_complex(x+1j*y)  np.abs(np.fft.fft(x))**2  np.abs(np.fft.rfft(x))
np.prod(x+1j*y)  np.cumprod(x+1j*y)  np.mean(x+1j*y)  np.var(x+1j*y)  np.dot(x+1j*y,y)  (A+1j*P)@B  np.linalg.inv(M+1j*S)
np.linalg.det(M+1j*S)  np.power(x+1j*y,3)  np.linalg.norm(x+1j*y)  np.where(x>0,x+1j*y,y)  np.tanh(x+1j*y)
np.reciprocal(x+1j*y)  np.einsum("i,i",x+1j*y,np.conj(x-1j*y))  np.outer(x+1j*y,y)
np.emath.sqrt(x)  np.emath.sqrt(y)  np.emath.log(x)  np.emath.log2(x)  np.emath.log10(y)  np.emath.logn(3,y)
np.emath.logn(y+1,x)  np.emath.power(x,0.5)  np.emath.power(-2.0,x)  np.emath.power(y,x)  np.emath.arcsin(x)
np.emath.arccos(u)  np.emath.arctanh(x)
"""
FOURIER = """
np.fft.fft(x)  np.fft.fft(x,8)  np.fft.fft(x,n=3)  np.fft.fft(A,axis=0)  np.fft.fft(x,norm="ortho")  np.fft.ifft(x)
np.fft.ifft(x+1j*y,norm="forward")  np.fft.rfft(x)  np.fft.rfft(A,6,axis=1)  np.fft.rfft(x,norm="forward")  np.fft.irfft(x)
np.fft.irfft(x+1j*y,n=9)  np.fft.irfft(np.fft.rfft(x),5)  np.fft.hfft(x)  np.fft.ihfft(x)  np.fft.fft2(A)  np.fft.ifft2(A)
np.fft.fftn(T)  np.fft.fftn(T,axes=(0,2))  np.fft.ifftn(T,s=(3,4),axes=(0,1))  np.fft.rfft2(A)  np.fft.irfft2(A)
np.fft.rfftn(T)  np.fft.irfftn(T)  np.fft.fftshift(x)  np.fft.ifftshift(A,axes=1)
np.real(np.fft.ifft(np.fft.fft(x)*np.fft.fft(y)))
"""
LINALG = """
np.linalg.solve(M,x[:3])  np.linalg.solve(M,B.T)  np.linalg.solve(M,A)  np.linalg.inv(M)  np.linalg.pinv(A)  np.linalg.pinv(B)
np.linalg.pinv(S,hermitian=True)  np.linalg.det(M)  np.linalg.slogdet(M)[1]  np.linalg.slogdet(S).logabsdet
np.linalg.cholesky(S)  np.linalg.cholesky(S,upper=True)  np.linalg.qr(B)[0]  np.linalg.qr(B)[1]  np.linalg.qr(B,mode="r")
np.linalg.qr(A)  np.linalg.qr(M,mode="complete")  np.linalg.eigh(S)[0]  np.linalg.eigh(S)[1]  np.linalg.eigh(S).eigenvalues
np.linalg.eigvalsh(S)  np.linalg.eigvalsh(S,UPLO="U")  np.linalg.eig(M)[0]  np.abs(np.linalg.eig(M)[1])  np.linalg.eigvals(M)
np.linalg.svd(A,full_matrices=False)[1]  np.linalg.svd(A,full_matrices=False)  np.linalg.svd(B,full_matrices=False)[0]
np.linalg.svd(B,full_matrices=False)[2]  np.linalg.svd(A)[2][:3]  np.linalg.svd(A,compute_uv=False)  np.linalg.svdvals(A)
np.linalg.lstsq(B,c)[0]  np.linalg.lstsq(B,c,rcond=None)[0]  np.linalg.lstsq(B,c)[1]  np.linalg.lstsq(B,c)[3]
np.linalg.lstsq(B,np.stack([c,c**2],1))[0]  np.linalg.norm(x)  np.linalg.norm(x,1)  np.linalg.norm(x,np.inf)
np.linalg.norm(x,-np.inf)  np.linalg.norm(x,3)  np.linalg.norm(x,0.5)  np.linalg.norm(A)  np.linalg.norm(A,"fro")
np.linalg.norm(A,2)  np.linalg.norm(A,-2)  np.linalg.norm(A,1)  np.linalg.norm(A,-1)  np.linalg.norm(A,np.inf)
np.linalg.norm(A,-np.inf)  np.linalg.norm(A,"nuc")  np.linalg.norm(A,axis=0)  np.linalg.norm(A,axis=1,keepdims=True)
np.linalg.norm(A,1,axis=1)  np.linalg.norm(T,axis=(1,2))  np.linalg.norm(T,2,axis=(0,2))  np.linalg.norm(x,0)+s
np.linalg.vector_norm(A,axis=1)  np.linalg.vector_norm(A,ord=1)  np.linalg.matrix_norm(T)  np.linalg.cond(M)
np.linalg.cond(M,1)  np.linalg.cond(M,"fro")  np.linalg.cond(A)  np.linalg.matrix_rank(A)*s
np.linalg.tensorsolve(T.reshape(2,3,4)[:,:,:3].reshape(2,3,3)[0],x[:3])  np.linalg.tensorinv(M.reshape(3,1,3,1))
np.linalg.inv(np.stack([M,S]))  np.linalg.det(np.stack([M,S]))  np.linalg.solve(np.stack([M,S]),B[:2,:,None])
np.linalg.solve(np.stack([M,S]),B[:3,:2])  np.linalg.cholesky(np.stack([S,S+np.eye(3)]))
np.linalg.eigh(np.stack([S,2*S+M@M.T]))[0]  np.linalg.svd(T,compute_uv=False)  np.linalg.qr(np.stack([M,S]))
np.linalg.matrix_power(np.stack([M,S]),2)  np.linalg.slogdet(np.stack([M,S]))[1]  np.linalg.pinv(T)
np.linalg.eigvals(np.stack([M,S]))  x[:3]@np.linalg.solve(S,y[:3])
np.linalg.eigh(S)[1]@np.diag(np.sqrt(np.linalg.eigh(S)[0]))@np.linalg.eigh(S)[1].T  np.log(np.linalg.det(S))
np.trace(np.linalg.inv(S)@M)  np.linalg.lstsq(A,x[:3])[0]
"""


# ---- programs that write ---------------------------------------------------------------------------------------------
def fills_a_buffer(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] * x[i - 1]
    return out


def adds_to_slices(A):
    out = np.ones_like(A)
    out[1:] += A[:-1] ** 2
    out[:, 0] *= 3.0
    out[A > 1] = 0.5
    return out


def writes_through_a_view(A):
    out = np.copy(A)
    row = out[1]
    row[...] = np.sin(row)
    out.T[0] -= 1.0
    return out


def scatters(x):
    out = np.zeros_like(x)
    np.add.at(out, [0, 2, 2], x[:3] ** 2)
    return out


def scatters_differences(x, y):
    out = y.copy()
    np.subtract.at(out, [1, 1, 4], x[:3])
    return out


def scatters_products(x, y):
    out = y.copy()
    np.multiply.at(out, [1, 1, 4], x[:3])
    return out


def scatters_maxima(x, y):
    out = y.copy()
    np.maximum.at(out, [1, 2, 1], 3 * x[:3])
    return out


def scatters_rows(A, P):
    out = P.copy()
    np.add.at(out, (slice(None), [0, 3, 0]), A[:, :3])
    return out


def negates_at(x):
    out = x * x
    np.negative.at(out, [0, 3])
    np.exp.at(out, [1, 1])
    return out


def out_of_a_ufunc(x, y):
    out = np.empty_like(x)
    np.multiply(x, y, out=out)
    np.add(out, 1, out=out)
    np.sin(out, out)
    return out


def out_into_a_view(A, c):
    out = np.zeros_like(A)
    np.exp(c, out=out[1])
    np.add(out[0], c, out=out[0])
    return out


def out_with_where(x, y):
    out = y.copy()
    np.log(np.abs(x), out=out, where=x > 0)
    np.add(x, y, out=out, where=[True, False, False, True, False])
    return out


def out_of_a_reduction(A):
    out = np.zeros_like(A[0])
    np.sum(A, axis=0, out=out)
    np.add.reduce(A ** 2, axis=0, out=out)
    top = np.zeros_like(A)
    np.cumsum(A, axis=1, out=top)
    np.multiply.accumulate(A, axis=0, out=top)
    return out, top


def out_of_a_product(A, B, M):
    out = np.zeros_like(M)
    np.matmul(A, B, out=out)
    np.dot(out, M, out=out)
    np.clip(out, -3.0, 3.0, out=out)
    return out


def out_of_functions(A, x):
    out = np.zeros_like(A[0])
    np.mean(A, axis=0, out=out)
    wide = np.zeros_like(np.concatenate([x, x]))
    np.concatenate([x, x ** 2], out=wide)
    rows = np.zeros_like(np.stack([x, x]))
    np.stack([x, -x], out=rows)
    return out, wide, rows, np.max(A, axis=0, out=np.zeros_like(out)), A.sum(axis=1, out=np.zeros_like(A[:, 0]))


def puts(A, x):
    out = np.copy(A)
    np.put(out, [0, 5], x[:2])
    np.fill_diagonal(out, x[2])
    np.put_along_axis(out, np.array([[3], [2], [1]]), x[2:, None], axis=1)
    np.place(out, A > 2, x[4:])
    np.copyto(out[0], x[:4], where=[True, False, True, False])
    return out


def scans_by_hand(x):
    total, out = 0.0, []
    for v in x:
        total = 0.5 * total + np.tanh(v)
        out.append(total)
    return np.stack(out)


def integrates(x, y):
    state = np.stack([x[0], y[0]])
    for _ in range(5):
        slope = np.stack([state[1], -np.sin(state[0])])
        state = state + 0.1 * slope
    return state


def newton_steps(s):
    t = 1.0 + 0.0 * s
    for _ in range(6):
        t = t - (t * t - s) / (2 * t)
    return t


def makes_buffers_like(x):
    out = np.zeros((2, 5), like=x)
    out[0] = x
    out[1, 2] = x[1] ** 2
    return out


PROGRAMS = [fills_a_buffer, adds_to_slices, writes_through_a_view, scatters, scatters_differences, scatters_products,
            scatters_maxima, scatters_rows, negates_at, out_of_a_ufunc, out_into_a_view, out_with_where, out_of_a_reduction,
            out_of_a_product, out_of_functions, puts, scans_by_hand, integrates, newton_steps]

GROUPS = {"elementwise": ELEMENTWISE, "ufunc methods": UFUNC_METHODS, "sums and scans": SUMS_AND_SCANS, "products": PRODUCTS,
          "statistics": STATISTICS, "selection": SELECTION, "shape": SHAPE, "polynomials": POLYNOMIALS, "complex": COMPLEX,
          "Fourier": FOURIER, "linear algebra": LINALG}


# NumPy turns these arguments into plain arrays before anybody is asked: transforms run them lifted.
LIFTED_TEXT = """
np.sum([x,y])  np.sum((x,y),axis=0)  np.mean([x,y],axis=0)  np.r_[x,y]  np.c_[x,y]  np.r_[0.0,x,1]
np.pad([1.0,2.0],1,constant_values=s)  np.pad([1.0,2.0],2,"linear_ramp",end_values=s)  np.vectorize(lambda a:a**2)(x)
np.polynomial.polynomial.polyval(x,c)  np.polynomial.polynomial.polyval(2.0,c)  np.polynomial.polynomial.polyval(x,A)
np.polynomial.polynomial.polyval(s,B)  np.polynomial.polynomial.polyval(x[:4],A,tensor=False)
np.polynomial.polynomial.polyval3d(x,y,u,T)  np.polynomial.polynomial.polygrid3d(x[:2],y,u,T)
np.polynomial.polynomial.polyvalfromroots(x,c)  np.polynomial.polynomial.polyder(c)  np.polynomial.polynomial.polyint(c)
np.polynomial.polynomial.polymul(c,x)  np.polynomial.polynomial.polyadd(c,x)  np.polynomial.polynomial.polysub(c,x)
np.polynomial.polynomial.polydiv(x,c)  np.polynomial.polynomial.polypow(c,3)  np.polynomial.polynomial.polymulx(c)
np.polynomial.polynomial.polyfromroots(c)  np.sort(np.real(np.polynomial.polynomial.polyroots(c)))
np.polynomial.polynomial.polyvander(x,3)  np.polynomial.polynomial.polyvander2d(x,y,[1,2])
np.polynomial.polynomial.polyfit(g,h,2)  np.polynomial.polynomial.polycompanion(c)  np.polynomial.polynomial.polyline(s,2.0)
np.polynomial.polynomial.polyder(c,2,scl=2.0)  np.polynomial.polynomial.polyint(c,k=[s])  np.polynomial.polynomial.polytrim(c)
np.polynomial.chebyshev.chebval(u,c)  np.polynomial.chebyshev.chebder(c)  np.polynomial.chebyshev.chebint(c)
np.polynomial.chebyshev.chebmul(c,x)  np.polynomial.chebyshev.chebvander(u,3)  np.polynomial.chebyshev.cheb2poly(c)
np.polynomial.chebyshev.chebfit(g,h,2)  np.polynomial.chebyshev.chebadd(c,x)  np.polynomial.legendre.legval(u,c)
np.polynomial.legendre.legder(c)  np.polynomial.legendre.legint(c)  np.polynomial.legendre.legvander(u,3)
np.polynomial.legendre.legfit(g,h,2)  np.polynomial.legendre.leg2poly(c)  np.polynomial.hermite.hermval(u,c)
np.polynomial.hermite.hermder(c)  np.polynomial.hermite.hermvander(u,3)  np.polynomial.hermite.hermfit(g,h,2)
np.polynomial.hermite_e.hermeval(u,c)  np.polynomial.hermite_e.hermeder(c)  np.polynomial.laguerre.lagval(u,c)
np.polynomial.laguerre.lagder(c)  np.polynomial.laguerre.lagvander(u,3)  np.polynomial.laguerre.lagfit(g,h,2)
np.polynomial.Polynomial(c)(x)  np.polynomial.Polynomial(c).deriv()(x)  np.polynomial.Chebyshev(c).integ()(u)
(np.polynomial.Polynomial(c)*np.polynomial.Polynomial(x))(2.0)  np.polynomial.Polynomial.fit(g,h,2)(1.0)
np.polynomial.Polynomial.fit(g,h,2).coef  np.polynomial.Legendre(c).convert(kind=np.polynomial.Polynomial).coef
"""


# What an older NumPy does not have, or does without asking its arguments.
SINCE = {
    "2.1.0": """np.cumulative_sum(x)  np.cumulative_sum(A,axis=1,include_initial=True)
        np.cumulative_prod(x,include_initial=True)  np.unstack(A)  np.unstack(A,axis=1)""",
    "2.2.0": """np.matvec(A,c)  np.vecmat(c,B)  np.pad(A,{-1:(1,2)})  np.polynomial.polynomial.polyval2d(x,y,A)
        np.polynomial.polynomial.polygrid2d(x,y,A)""",
    "2.3.0": """np.polynomial.Polynomial([1.0,2.0,3.0])(x)  np.polynomial.Chebyshev([1.0,0.5,0.25])(u)
        np.polynomial.Legendre([1.0,0.5,0.25],domain=[0,2])(u)""",
}


def apart(text):
    """The calls of a text, which blanks outside brackets separate."""
    codes, depth = [""], 0
    for sign in text.strip():
        depth += (sign in "([{") - (sign in ")]}")
        if sign.isspace() and not depth:
            codes.append("")
        else:
            codes[-1] += " " if sign == "\n" else sign
    return [code for code in codes if code]


def made(code):
    """The function of a call, with its inputs as parameters."""
    names = [name for name in INPUTS if re.search(rf"(?<![\w.\"']){name}(?![\w\"'=])", re.sub(r"lambda \w+:", "", code))]
    f = eval(f"lambda {', '.join(names)}: {code}", {"np": np})
    f.__name__ = code
    return f


def calls():
    """Every call by name: (function, inputs)."""
    found = {code: made(code) for text in GROUPS.values() for code in apart(text)}
    found |= {f.__name__: f for f in PROGRAMS}
    newer = {code for since, text in SINCE.items() if np.lib.NumpyVersion(np.__version__) < since for code in apart(text)}
    return {name: (f, [INPUTS[p] for p in signature(f).parameters]) for name, f in found.items() if name not in newer}


LIFTED = apart(LIFTED_TEXT)
